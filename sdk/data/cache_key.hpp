#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "data/dataset_info.hpp"
#include "data/prepare.hpp"

namespace lmf::data {

/// The name of the store: a hash of all that decides its content. Bytes of the data files, how they are read, the
/// tokenizer, the template and the options; not where the files lie nor when they were written.
std::string cache_key(const std::vector<DatasetDescription>& datasets, const PrepareOptions& options,
                      const text::Tokenizer& tokenizer, const text::ChatTemplate& chat_template);

/// The folder asked for, or data/ in lmf's cache folder, or the fallback when that cannot be written. Created when
/// missing.
std::filesystem::path cache_folder(const PrepareOptions& options);

}  // namespace lmf::data

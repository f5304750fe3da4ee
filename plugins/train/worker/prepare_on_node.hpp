#pragma once

#include <string>

#include "data/prepare.hpp"
#include "text/chat_template.hpp"
#include "text/tokenizer.hpp"
#include "train/worker/process_group.hpp"

namespace lmf::train {

/// One rank of each node makes the store while its neighbours wait, which then find it there. `what`: for messages.
data::PrepareReport prepare_on_node(const data::PrepareOptions& options, const std::string& what,
                                    const text::Tokenizer& tokenizer, const text::ChatTemplate& chat_template,
                                    ProcessGroup& group);

}  // namespace lmf::train

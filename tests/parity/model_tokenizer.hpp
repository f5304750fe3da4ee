#pragma once

#include <cstdlib>
#include <stdexcept>
#include <string>

#include "support/places.hpp"

namespace lmf::test {

/// A folder with the tokenizer files of the reference test models.
class ModelTokenizerFolder : public TemporaryFolder {
 public:
  ModelTokenizerFolder() {
    const auto parity = *shared_directory() / "parity";
    const auto packed = parity / "tokenizer.json.gz";
    const std::string unpack = "gzip -dc '" + packed.string() + "' > '" + (path() / "tokenizer.json").string() + "'";
    if (std::system(unpack.c_str()) != 0) throw std::runtime_error("cannot unpack " + packed.string());
    for (const auto* name : {"tokenizer_config.json", "chat_template.jinja"})
      std::filesystem::copy(parity / name, path() / name);
  }
};

}  // namespace lmf::test

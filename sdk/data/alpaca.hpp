#pragma once

#include <array>
#include <string>
#include <vector>

#include <simdjson.h>

#include "data/dataset_info.hpp"
#include "text/chat_template.hpp"

namespace lmf::data {

/// A record in the form every kind of data set is brought into.
struct Conversation {
  std::vector<text::Message> messages;  ///< user and assistant in turn; the last one is the answer
  std::string system;                   ///< "": the template's
};

/// Either a conversation or the reason why the record is left out.
struct Aligned {
  Conversation conversation;
  std::string dropped;
};

/// Which columns of a data set were seen in any record, to tell a wrong column name from a few broken records.
struct SeenColumns {
  bool question = false;  ///< prompt or query
  bool response = false;
  std::string example_keys;  ///< of the first record: "messages, tools"
  void merge(const SeenColumns& other);
};

/// Alpaca's form: instruction, input, output, and by column map history and system. Stricter than LLaMA-Factory in one
/// point: a field of a wrong type drops the record with a reason, where the original would stop or silently ignore it.
/// Throws Error (without place) for a record with images, videos or audios.
Aligned align_alpaca(const simdjson::dom::element& record, const Columns& columns, SeenColumns& seen);

}  // namespace lmf::data

#pragma once

#include <string>
#include <vector>

#include <simdjson.h>

#include "data/dataset_info.hpp"
#include "text/chat_template.hpp"

namespace lmf::data {

/// A record in the form every kind of data set is brought into.
struct Conversation {
  std::vector<text::Message> messages;  ///< questions (user, observation) and answers in turn; the last is an answer
  std::string system;                   ///< "": the template's
  std::string tools;                    ///< JSON, see text::ToolFormat::tools_text(); "": none
};

/// Either a conversation or the reason why the record is left out.
struct Aligned {
  Conversation conversation;
  std::string dropped;
};

/// Which columns of a data set were seen in any record, to tell a wrong column name from a few broken records.
struct SeenColumns {
  bool question = false;  ///< prompt or query; messages
  bool response = false;  ///< response; messages
  bool system = false, tools = false;
  std::string example_keys;  ///< of the first record: "messages, tools"
  void merge(const SeenColumns& other);
};

/// One record of a data set, in whichever formatting. Stricter than LLaMA-Factory in one point: a field of a wrong type
/// drops the record with a reason, where the original would stop or silently ignore it. What the text of tools and
/// calls is worth shows only when it is written for a model. Throws Error (without place) for a record with images,
/// videos or audios.
Aligned align(const simdjson::dom::element& record, const DatasetDescription& dataset, SeenColumns& seen);

}  // namespace lmf::data

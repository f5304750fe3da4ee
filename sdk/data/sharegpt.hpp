#pragma once

#include "data/conversation.hpp"

namespace lmf::data {

/// The messages of a record in sharegpt's or openai's form, and the system text when the first one is that. Returns the
/// reason why the record is left out, or "".
std::string read_messages(const simdjson::dom::object& record, const DatasetDescription& dataset, SeenColumns& seen,
                          Conversation& conversation);

/// What the original does to the system text of every data set in openai's form, for models of one family: without
/// tools it says that there is no detailed thinking, unless the text says so or otherwise.
void adapt_openai_system(Conversation& conversation);

}  // namespace lmf::data

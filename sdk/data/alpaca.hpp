#pragma once

#include "data/conversation.hpp"

namespace lmf::data {

/// The messages of a record in alpaca's form: instruction, input, output, and by column map history. Returns the reason
/// why it is left out, or "".
std::string read_alpaca(const simdjson::dom::object& record, const Columns& columns, SeenColumns& seen,
                        Conversation& conversation);

}  // namespace lmf::data

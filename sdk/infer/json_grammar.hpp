#pragma once

#include <nlohmann/json.hpp>

#include "infer/grammar.hpp"

namespace lmf::infer {

/// What becomes of a schema's keys that are not understood.
enum class Unknown { refused, left_out };

/// The JSON texts that are valid for `schema` (JSON Schema 2020-12; OpenAI's response_format json_schema and the
/// parameters of tools). Understood: type (also a list), properties, required, additionalProperties, items,
/// prefixItems, minItems, maxItems, minLength, maxLength, enum, const, anyOf, oneOf (as anyOf), allOf of one, $ref to
/// "#" and
/// "#/…", and notes such as title and description. What would need more is an Error that names the key and where it is:
/// a text that breaks a rule must not pass as one that keeps it.
///
/// Fewer texts than the schema allows can be written: properties come in the schema's order, others only where
/// additionalProperties says so, numbers have at most 15 digits, and blanks stand only behind ',' and ':'.
Grammar::Element json_schema_rule(Grammar& grammar, const nlohmann::ordered_json& schema,
                                  Unknown unknown = Unknown::refused);

/// Any JSON object, as response_format json_object asks for.
Grammar::Element json_object_rule(Grammar& grammar);

}  // namespace lmf::infer

#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "http/message.hpp"

namespace lmf::http {

/// How the other side finds an answer's end (RFC 9112, section 6).
enum class Framing { length, chunked, until_close };

std::string_view reason_phrase(int status);

/// Whether an answer of this status may have a body.
bool may_have_body(int status);

/// Appends the status line and the fields. `length`: with Framing::length, of the body; nullopt for a status that has
/// none. A field's line breaks become spaces: what came with a request cannot begin another field.
void append_head(std::string& out, int status, const Fields& fields, int version, bool keep_alive, Framing framing,
                 std::optional<std::size_t> length);
void append_chunk(std::string& out, std::string_view piece);
inline constexpr std::string_view kLastChunk = "0\r\n\r\n";

/// "data: TEXT\n\n", with a "data: " before each of its lines.
std::string event_text(std::string_view text);

/// "Sun, 06 Nov 1994 08:49:37 GMT" of now.
std::string_view http_date();

}  // namespace lmf::http

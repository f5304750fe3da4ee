#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lmf::http {

using Fields = std::vector<std::pair<std::string, std::string>>;

/// One request, whole and checked: its lines are well-formed, its sizes within the server's limits, its path decoded
/// and free of "." and ".." segments and of control characters. Nothing else is promised: the body is bytes.
struct Request {
  std::string method;  ///< as sent: "GET"
  std::string path;    ///< "/v1/models/a b", percent-decoded, without the query
  Fields query;        ///< decoded, in the order sent, repetitions included
  Fields fields;       ///< the header, names in lower case, in the order sent
  std::string body;
  int version = 11;        ///< HTTP/1.1; 10: HTTP/1.0
  std::string tail;        ///< what the route's "*" stands for
  std::string_view route;  ///< the route's pattern; "" before one was found
  std::string peer;        ///< address of the other end

  /// The first field of this name (in lower case); "" when there is none.
  std::string_view field(std::string_view name) const;
};

/// One whole answer. Content-Length, Date and Connection are the server's.
struct Response {
  int status = 200;
  Fields fields;
  std::string body;

  static Response json(int status, std::string text);
  static Response text(int status, std::string text, std::string content_type = "text/plain; charset=utf-8");
  static Response empty(int status, Fields fields = {});
};

}  // namespace lmf::http

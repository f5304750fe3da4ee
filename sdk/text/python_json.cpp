#include "text/python_json.hpp"

#include <array>
#include <charconv>
#include <cmath>

namespace lmf::text {
namespace {

using OrderedJson = nlohmann::ordered_json;

/// The shortest decimal that reads back as the number, laid out as Python's repr: with an exponent below 1e-4 and from
/// 1e16 on.
std::string number_text(double number) {
  if (!std::isfinite(number)) return std::isnan(number) ? "NaN" : number > 0 ? "Infinity" : "-Infinity";
  std::array<char, 40> buffer{};
  const auto end =
      std::to_chars(buffer.data(), buffer.data() + buffer.size(), number, std::chars_format::scientific).ptr;
  std::string text(buffer.data(), end);
  const int exponent = std::stoi(text.substr(text.find('e') + 1));
  if (exponent < -4 || exponent >= 16) return text;
  const auto fixed = std::to_chars(buffer.data(), buffer.data() + buffer.size(), number, std::chars_format::fixed).ptr;
  text.assign(buffer.data(), fixed);
  return text.find('.') == text.npos ? text + ".0" : text;
}

std::string quoted(const std::string& text) {
  return OrderedJson(text).dump(-1, ' ', /*ensure_ascii=*/false, OrderedJson::error_handler_t::replace);
}

class Writer {
 public:
  explicit Writer(int indent) : indent_(indent) {}
  std::string take() { return std::move(text_); }

  void write(const OrderedJson& value, int depth) {
    if (value.is_number_float()) {
      text_ += number_text(value.get<double>());
    } else if (value.is_string()) {
      text_ += quoted(value.get_ref<const std::string&>());
    } else if (value.is_object()) {
      write_all(value, depth, '{', '}', [&](const auto& item) {
        text_ += quoted(item.key()) + ": ";
        write(item.value(), depth + 1);
      });
    } else if (value.is_array()) {
      write_all(value, depth, '[', ']', [&](const auto& item) { write(item.value(), depth + 1); });
    } else {
      text_ += value.dump();
    }
  }

 private:
  template <class Each>
  void write_all(const OrderedJson& value, int depth, char open, char close, const Each& each) {
    text_ += open;
    bool first = true;
    for (const auto& item : value.items()) {
      if (!first) text_ += indent_ < 0 ? ", " : ",";
      first = false;
      new_line(depth + 1);
      each(item);
    }
    if (!first) new_line(depth);
    text_ += close;
  }
  void new_line(int depth) {
    if (indent_ >= 0) text_ += '\n' + std::string(static_cast<std::size_t>(indent_ * depth), ' ');
  }

  const int indent_;
  std::string text_;
};

/// As Python quotes a text: with double quotes where it has single ones only.
std::string repr(const std::string& text) {
  const char quote = text.find('\'') != text.npos && text.find('"') == text.npos ? '"' : '\'';
  std::string written(1, quote);
  for (const char letter : text) {
    if (letter == quote || letter == '\\') written += '\\';
    if (letter == '\n')
      written += "\\n";
    else
      written += letter;
  }
  return written + quote;
}

std::string python_value(const OrderedJson& value, bool outermost) {
  if (value.is_string()) return outermost ? value.get<std::string>() : repr(value.get<std::string>());
  if (value.is_null()) return "None";
  if (value.is_boolean()) return value.get<bool>() ? "True" : "False";
  if (!value.is_structured()) return python_json(value);
  std::string text;
  for (const auto& item : value.items())
    text += (text.empty() ? "" : ", ") + (value.is_object() ? repr(item.key()) + ": " : "") +
            python_value(item.value(), false);
  return value.is_object() ? "{" + text + "}" : "[" + text + "]";
}

}  // namespace

std::string python_json(const OrderedJson& value, int indent) {
  Writer writer(indent);
  writer.write(value, 0);
  return writer.take();
}

std::string python_text(const OrderedJson& value) { return python_value(value, true); }

}  // namespace lmf::text

#include "base/log.hpp"

#include <cstdio>
#include <utility>

namespace lmf::log {
namespace {

Level current_level = Level::info;
Sink current_sink = [](Level, std::string_view text) {
  std::fprintf(stderr, "%.*s\n", static_cast<int>(text.size()), text.data());
};

}  // namespace

void set_sink(Sink sink, Level level) {
  current_sink = std::move(sink);
  current_level = level;
}

Level level() { return current_level; }

void write(Level level, std::string_view text) {
  if (level >= current_level && level != Level::off) current_sink(level, text);
}

}  // namespace lmf::log

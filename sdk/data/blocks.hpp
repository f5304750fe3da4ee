#pragma once

#include <algorithm>
#include <cstddef>
#include <deque>
#include <future>
#include <span>
#include <string>
#include <vector>

#include "data/conversation.hpp"
#include "data/record_set.hpp"
#include "data/sft_example.hpp"

namespace lmf::data {

/// What turns conversations into tokens; absent when the data are only checked.
struct Encoder {
  const text::Tokenizer& tokenizer;
  const text::ChatTemplate& chat_template;
  SftOptions options;
};

/// What one thread makes of neighbouring rows.
struct Block {
  struct Kept {
    SftExample example;  ///< empty without an encoder
    const RecordSet::Row* row;
  };
  struct Dropped {
    std::string reason;
    const RecordSet::Row* row;
  };
  std::vector<Kept> kept;
  std::vector<Dropped> dropped;
  std::vector<std::string> problems;  ///< what stops the run, with its place
  std::vector<SeenColumns> seen;      ///< of each data set
};

/// Parses, aligns and, with an encoder, tokenises the rows.
Block make_block(const RecordSet& set, std::span<const RecordSet::Row> rows, const Encoder* encoder);

/// Makes blocks of all rows, `workers` at a time, and hands them over in the order of the rows, in the calling thread:
/// the result does not depend on the threads, and no more than `workers` blocks are in memory.
template <class Consume>
void for_each_block(const RecordSet& set, const Encoder* encoder, std::size_t workers, const Consume& consume) {
  constexpr std::size_t kRows = 256;  // some milliseconds of work
  std::deque<std::future<Block>> pending;
  const std::span<const RecordSet::Row> rows(set.rows);
  for (std::size_t at = 0; at < rows.size() || !pending.empty();) {
    if (at < rows.size() && pending.size() < workers) {
      const auto part = rows.subspan(at, std::min(kRows, rows.size() - at));
      pending.push_back(
          std::async(std::launch::async, [&set, part, encoder] { return make_block(set, part, encoder); }));
      at += part.size();
      continue;
    }
    consume(pending.front().get());
    pending.pop_front();
  }
}

}  // namespace lmf::data

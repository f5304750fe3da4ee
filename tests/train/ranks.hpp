#pragma once

#include <future>
#include <string>
#include <vector>

#include "support/free_port.hpp"
#include "support/process.hpp"

namespace lmf::test {

/// What a launcher sets for rank `rank` of `size` on one node.
inline Variables rank_variables(int rank, int size, int port) {
  return {{"RANK", std::to_string(rank)},
          {"LOCAL_RANK", std::to_string(rank)},
          {"WORLD_SIZE", std::to_string(size)},
          {"LOCAL_WORLD_SIZE", std::to_string(size)},
          {"MASTER_ADDR", "127.0.0.1"},
          {"MASTER_PORT", std::to_string(port)},
          {"OMP_NUM_THREADS", "1"}};
}

/// Runs this test program again as the ranks `present` of `size`, each with the skipped test case `name` alone. What
/// they print and how they end, in that order. `more`: variables on top.
inline std::vector<Finished> as_ranks(const std::vector<int>& present, int size, const std::string& name,
                                      const Variables& more) {
  const int port = free_port();
  std::vector<std::future<Finished>> running;
  for (int rank : present) {
    Variables variables = rank_variables(rank, size, port);
    variables.insert(variables.end(), more.begin(), more.end());
    running.push_back(std::async(std::launch::async, [=] {
      return run_process({"/proc/self/exe", "--no-skip", "--test-case=" + name}, variables);
    }));
  }
  std::vector<Finished> finished;
  for (auto& one : running) finished.push_back(one.get());
  return finished;
}

}  // namespace lmf::test

// decode_tool MODEL PROMPT_TOKENS NEW_TOKENS THREADS: loads a model, answers a prompt of fixed ids greedily once to
// warm up and once to measure, and prints one JSON line: seconds to load, to the first token, for each further one; the
// tokens.
#include <chrono>
#include <cstdio>
#include <cstdlib>

#include <ATen/Parallel.h>
#include <nlohmann/json.hpp>

#include "infer/generator.hpp"

int main(int argc, char** argv) {
  if (argc != 5) return std::fputs("usage: decode_tool MODEL PROMPT_TOKENS NEW_TOKENS THREADS\n", stderr), 2;
  const std::int64_t prompt_tokens = std::atol(argv[2]), new_tokens = std::atol(argv[3]);
  at::set_num_threads(std::atoi(argv[4]));
  const auto began = std::chrono::steady_clock::now();
  const auto decoder = lmf::model::Decoder::load(argv[1], torch::kFloat32);
  const std::chrono::duration<double> loading = std::chrono::steady_clock::now() - began;

  lmf::infer::Request request{.prompt = {}, .stop_ids = {}, .max_new_tokens = new_tokens, .sampling = {}};
  request.sampling.do_sample = false;
  for (std::int64_t i = 0; i < prompt_tokens; ++i)
    request.prompt.push_back(static_cast<std::int32_t>((i * 7919 + 13) % decoder.spec().vocab_size));
  const std::atomic<bool> never{false};
  const auto answer = [&](std::int32_t first) {
    request.prompt[0] = first;  // nothing of the run before can be reused
    lmf::infer::Generator generator(decoder);
    return generator.generate(
        request, [](std::int32_t) {}, never);
  };
  answer(14);
  const auto measured = answer(13);
  std::puts(nlohmann::json{
      {"load", loading.count()},
      {"first_token", measured.first_token.count()},
      {"further_token", (measured.whole - measured.first_token).count() / static_cast<double>(new_tokens - 1)},
      {"ids", measured.ids}}
                .dump()
                .c_str());
}

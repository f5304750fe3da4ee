// decode_tool MODEL PROMPT_TOKENS NEW_TOKENS THREADS [fp32|bf16|int8|int4] [SEQUENCES]: loads a model, answers a prompt
// of fixed ids greedily once to warm up and once to measure, and prints one JSON line: seconds to load, to the first
// token, for each further one; the tokens of the first sequence. With several sequences all are answered at once, each
// a prompt of its own, and `tokens_per_second` counts those of all.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <future>

#include <ATen/Parallel.h>
#include <nlohmann/json.hpp>

#include "infer/generate.hpp"
#include "infer/packed_weights.hpp"

namespace {

lmf::infer::WeightFormat format_of(std::string_view name) {
  using enum lmf::infer::WeightFormat;
  for (const auto format : {fp32, bf16, int8, int4})
    if (lmf::infer::format_name(format) == name) return format;
  std::fputs("the format is fp32, bf16, int8 or int4\n", stderr);
  std::exit(2);
}

}  // namespace

int main(int argc, char** argv) {
  using Clock = std::chrono::steady_clock;
  if (argc < 5)
    return std::fputs("usage: decode_tool MODEL PROMPT_TOKENS NEW_TOKENS THREADS [FORMAT] [SEQUENCES]\n", stderr), 2;
  const std::int64_t prompt_tokens = std::atol(argv[2]), new_tokens = std::atol(argv[3]);
  const auto format = format_of(argc > 5 ? argv[5] : "fp32");
  const int sequences = argc > 6 ? std::atoi(argv[6]) : 1;
  at::set_num_threads(std::atoi(argv[4]));
  const auto began = Clock::now();
  const bool half_file = lmf::model::DecoderSpec::read(argv[1]).dtype == "bfloat16";
  auto decoder = lmf::model::Decoder::load(argv[1], half_file ? torch::kBFloat16 : torch::kFloat32, torch::kCPU,
                                           /*mapped=*/true);  // as LoadedModel does
  lmf::infer::Engine engine(lmf::infer::make_executor(
      std::move(decoder), {.slots = sequences, .threads = std::atoi(argv[4]), .format = format}));
  const std::chrono::duration<double> loading = Clock::now() - began;

  const std::atomic<bool> never{false};
  const auto ask = [&](std::int64_t first) {
    lmf::infer::Request request{.prompt = {}, .stop_ids = {}, .max_new_tokens = new_tokens, .sampling = {}};
    request.sampling.do_sample = false;
    for (std::int64_t i = 0; i < prompt_tokens; ++i)
      request.prompt.push_back(static_cast<std::int32_t>((i * 7919 + first) % engine.spec().vocab_size));
    return lmf::infer::generate(
        engine, request, [](std::int32_t) {}, never);
  };
  const auto ask_all = [&](std::int64_t first) {  // nothing of the run before can be reused
    std::vector<std::future<lmf::infer::Answer>> answers;
    for (int i = 0; i < sequences; ++i) answers.push_back(std::async(std::launch::async, ask, first + 1000 * i));
    std::vector<lmf::infer::Answer> result;
    for (auto& answer : answers) result.push_back(answer.get());
    return result;
  };
  ask_all(14);
  const auto start = Clock::now();
  const auto measured = ask_all(13);
  const std::chrono::duration<double> whole = Clock::now() - start;
  const auto& end = measured.front().end;
  std::puts(nlohmann::json{{"load", loading.count()},
                           {"first_token", end.first_token.count()},
                           {"further_token", (end.whole - end.first_token).count() /
                                                 static_cast<double>(std::max<std::int64_t>(new_tokens - 1, 1))},
                           {"tokens_per_second", static_cast<double>(sequences * new_tokens) / whole.count()},
                           {"ids", measured.front().ids}}
                .dump()
                .c_str());
}

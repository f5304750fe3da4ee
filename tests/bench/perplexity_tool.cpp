// perplexity_tool MODEL FIRST_ID [SEQUENCES] [TOKENS]: what rounding the weights costs. The model writes texts with its
// weights as they are (temperature 1, nothing left out); the perplexity of these texts is then computed with every
// format. Printed: a Markdown table. By such texts the model's own perplexity is the least that any other can have.
#include <cmath>
#include <cstdio>
#include <cstdlib>

#include <nlohmann/json.hpp>

#include "infer/generate.hpp"
#include "infer/packed_weights.hpp"

namespace {

using namespace lmf::infer;
using Ids = std::vector<std::int32_t>;

std::unique_ptr<Engine> engine_of(const char* model, WeightFormat format) {
  return std::make_unique<Engine>(
      make_executor(lmf::model::Decoder::load(model, torch::kFloat32), {.slots = 4, .format = format}));
}

/// Adds up what it is told of a prompt.
class Total final : public Listener {
 public:
  void on_token(const Token& token) override {
    if (token.of_prompt) sum_ -= token.logprob, ++count_;
  }
  void on_end(const End&) noexcept override { ended_ = true, ended_.notify_one(); }
  void add_to(double& sum, std::int64_t& count) {
    ended_.wait(false);
    sum += sum_;
    count += count_;
  }

 private:
  double sum_ = 0;
  std::int64_t count_ = 0;
  std::atomic<bool> ended_{false};
};

double perplexity(Engine& engine, const std::vector<Ids>& texts) {
  double sum = 0;
  std::int64_t count = 0;
  for (const Ids& text : texts) {
    const auto total = std::make_shared<Total>();
    Request request{.prompt = text, .stop_ids = {}, .max_new_tokens = 0, .sampling = {}};
    request.logprobs = 0;
    request.prompt_logprobs = true;
    engine.submit(std::move(request), total);
    total->add_to(sum, count);
  }
  return std::exp(sum / static_cast<double>(count));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return std::fputs("usage: perplexity_tool MODEL FIRST_ID [SEQUENCES] [TOKENS]\n", stderr), 2;
  const int sequences = argc > 3 ? std::atoi(argv[3]) : 64, tokens = argc > 4 ? std::atoi(argv[4]) : 200;
  const auto exact = engine_of(argv[1], WeightFormat::fp32);
  const std::atomic<bool> never{false};
  std::vector<Ids> texts;
  for (int i = 0; i < sequences; ++i) {
    Request request{.prompt = {std::atoi(argv[2])}, .stop_ids = {}, .max_new_tokens = tokens, .sampling = {}};
    request.sampling.temperature = 1;
    request.sampling.top_k = 0;
    request.sampling.top_p = 1;
    request.sampling.seed = static_cast<std::uint64_t>(i);
    texts.push_back(request.prompt);
    const auto answer = generate(
        *exact, request, [](std::int32_t) {}, never);
    texts.back().insert(texts.back().end(), answer.ids.begin(), answer.ids.end());
  }
  const double least = perplexity(*exact, texts);
  std::printf("| weights | perplexity | more |\n|---|---|---|\n");
  for (const auto format : {WeightFormat::fp32, WeightFormat::bf16, WeightFormat::int8, WeightFormat::int4}) {
    const double found = perplexity(*engine_of(argv[1], format), texts);
    std::printf("| %s | %.4f | %+.2f %% |\n", format_name(format).c_str(), found, 100 * (found / least - 1));
  }
}

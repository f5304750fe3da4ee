// A decode step is recorded as a graph on a GPU. Here the recorder is one of operators, on the CPU: what it was given
// is called again, on the same tensors, so that a step that depends on anything but their contents gives other answers.
#include "infer/decode_step.hpp"

#include <ATen/core/dispatch/Dispatcher.h>
#include <doctest/doctest.h>
#include <torch/library.h>

#include "infer/support.hpp"

using namespace lmf::infer;

namespace {

constexpr auto kRecorded = c10::DispatchKey::TESTING_ONLY_GenericMode;

struct Call {
  c10::OperatorHandle what;
  torch::jit::Stack arguments, results;
};
std::vector<Call>* tape = nullptr;  // where calls are recorded
int recordings = 0, replays = 0;

void record(const c10::OperatorHandle& what, torch::jit::Stack* stack) {
  const c10::impl::ExcludeDispatchKeyGuard not_inside(kRecorded);
  const auto arguments = static_cast<std::ptrdiff_t>(what.schema().arguments().size());
  const auto results = static_cast<std::ptrdiff_t>(what.schema().returns().size());
  Call call{what, {stack->end() - arguments, stack->end()}, {}};
  what.callBoxed(stack);
  call.results.assign(stack->end() - results, stack->end());
  tape->push_back(std::move(call));
}

TORCH_LIBRARY_IMPL(_, TESTING_ONLY_GenericMode, library) {
  library.fallback(torch::CppFunction::makeFromBoxedFunction<&record>());
}

class Calls final : public Graph {
 public:
  explicit Calls(std::vector<Call> calls) : calls_(std::move(calls)) {}
  void replay() override {
    ++replays;
    for (const Call& call : calls_) {
      torch::jit::Stack stack = call.arguments;
      call.what.callBoxed(&stack);
      for (std::size_t i = 0; i < stack.size(); ++i)
        if (stack[i].isTensor()) call.results[i].toTensor().copy_(stack[i].toTensor());
    }
  }

 private:
  std::vector<Call> calls_;
};

class CallRecorder final : public GraphRecorder {
 public:
  std::unique_ptr<Graph> record(const std::function<void()>& body) override {
    std::vector<Call> calls;
    tape = &calls;
    const c10::impl::IncludeDispatchKeyGuard recorded(kRecorded);
    body();
    ++recordings;
    return std::make_unique<Calls>(std::move(calls));
  }
};

class NoRoom final : public GraphRecorder {
 public:
  std::unique_ptr<Graph> record(const std::function<void()>&) override {
    ++recordings;
    TORCH_CHECK(false, "there is no room");
  }
};

std::unique_ptr<TorchExecutor> executor_for(const Decoder& decoder, const ExecutorSettings& settings,
                                            std::unique_ptr<GraphRecorder> recorder) {
  return std::make_unique<TorchExecutor>(decoder, settings, std::vector<Decoder>{}, std::move(recorder));
}

}  // namespace

TEST_CASE("a recorded step gives the same answers for other tokens, positions and sequences") {
  recordings = replays = 0;
  for (const std::int64_t window : {0, 70}) {
    const Decoder decoder = Decoder::random(small_spec(window), 7);
    auto executor = executor_for(decoder, {.slots = 4, .step_tokens = 32}, std::make_unique<CallRecorder>());
    const TorchExecutor& seen = *executor;
    Engine engine(std::move(executor));
    const std::vector<std::size_t> lengths = {3, 40, 200, 90, 255, 7};
    const auto notebooks = ask_together(engine, lengths, 60);
    for (std::size_t i = 0; i < lengths.size(); ++i) {
      CHECK(notebooks[i]->await_end().finish == Finish::length);
      CHECK(notebooks[i]->ids_ == greedy_without_cache(decoder, some_prompt(lengths[i]), 60));
    }
    CHECK(ask(engine, greedy(some_prompt(1000), 20)).ids == greedy_without_cache(decoder, some_prompt(1000), 20));
    CHECK(seen.recorded_graphs() >= 2);  // positions up to 256, and beyond
  }
  CHECK(replays > 2 * recordings);
}

TEST_CASE("a slot whose sequence has ended keeps what it holds while others go on") {
  Engine engine(executor_for(small_decoder(), {.slots = 2}, std::make_unique<CallRecorder>()));
  const auto first = std::make_shared<Notebook>(), second = std::make_shared<Notebook>();
  Ids other = some_prompt(30);
  other[0] = 96;
  engine.submit(greedy(some_prompt(30), 3), first);
  engine.submit(greedy(other, 60), second);
  second->await_end();
  const Answer again = ask(engine, greedy(some_prompt(30), 20));
  CHECK(again.end.cached_tokens == 29);
  CHECK(again.ids == greedy_without_cache(small_decoder(), some_prompt(30), 20));
}

TEST_CASE("a step that cannot be recorded is computed, and no other is recorded from then on") {
  recordings = 0;
  auto executor = executor_for(small_decoder(), {}, std::make_unique<NoRoom>());
  const TorchExecutor& seen = *executor;
  Engine engine(std::move(executor));
  for (const std::size_t tokens : {9u, 300u})  // steps of two sizes
    CHECK(ask(engine, greedy(some_prompt(tokens), 20)).ids ==
          greedy_without_cache(small_decoder(), some_prompt(tokens), 20));
  CHECK(seen.recorded_graphs() == 0);
  CHECK(recordings == 1);
}

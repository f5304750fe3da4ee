#include "train/worker/adamw.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "lmf/error.hpp"
#include "train/fixture.hpp"
#include "support/det_init.hpp"
#include "train/worker/gradients.hpp"

using namespace lmf;

namespace {

/// Runs the steps of one case of make.py's adamw_case() and returns the largest difference of any value, relative to 1.
double largest_difference(const nlohmann::json& test_case, double& norm_difference) {
  train::NamedTensors parameters;
  for (const auto& [name, shape] : test_case["shapes"].items()) {
    parameters.emplace_back(
        name, test::det_tensor(name, shape.get<std::vector<std::int64_t>>(), 0.0, 0.5).requires_grad_(true));
  }
  train::AdamW optimizer(parameters, {.beta1 = 0.9, .beta2 = 0.95, .weight_decay = test_case["weight_decay"]});
  double difference = 0.0;
  for (std::size_t step = 0; step < test_case["steps"].size(); ++step) {
    const auto& expected = test_case["steps"][step];
    for (auto& [name, parameter] : parameters) {
      parameter.mutable_grad() =
          test::det_tensor(fmt::format("{}.gradient.{}", name, step), parameter.sizes().vec(), 0.0, 2.0);
    }
    const double norm = train::gradient_norm(parameters);
    norm_difference = std::max(norm_difference, std::abs(norm - expected["norm"].get<double>()) / norm);
    optimizer.step(0.01 / static_cast<double>(step + 1), train::clipping_divisor(norm, 1.0));
    for (const auto& [name, parameter] : parameters) {
      const auto values = torch::tensor(expected["values"][name].get<std::vector<double>>(), torch::kFloat64);
      difference =
          std::max(difference, (parameter.detach().flatten().to(torch::kFloat64) - values).abs().max().item<double>());
    }
  }
  return difference;
}

}  // namespace

TEST_CASE("AdamW with clipping and a changing rate gives torch.optim.AdamW's parameters, step after step") {
  const auto numbers = test::train_fixture("numbers.json");
  for (const auto& test_case : numbers["adamw"]) {
    double norm_difference = 0.0;
    const double difference = largest_difference(test_case, norm_difference);
    MESSAGE("weight decay " << test_case["weight_decay"].get<double>() << ": largest difference " << difference
                            << ", of the norm " << norm_difference << " relative");
    // Values are below 0.6; torch multiplies gradients by the clipping factor where lmf divides by its inverse: one
    // rounding.
    CHECK(difference < 2e-7);
    CHECK(norm_difference < 1e-6);
  }
}

TEST_CASE("weight decay spares biases and norms by their names, as transformers does") {
  const auto numbers = test::train_fixture("numbers.json");
  for (const auto& [name, decayed] : numbers["decayed_names"].items()) {
    CAPTURE(name);
    CHECK(train::decays(name) == decayed.get<bool>());
  }
}

TEST_CASE("a restored optimiser goes on bit for bit") {
  const auto run = [](int interrupt_after) {
    train::NamedTensors parameters = {{"w", test::det_tensor("w", {7}, 0, 1).requires_grad_(true)}};
    auto optimizer = std::make_unique<train::AdamW>(parameters, train::AdamWOptions{.weight_decay = 0.1});
    for (int step = 0; step < 6; ++step) {
      if (step == interrupt_after) {
        train::NamedTensors saved;
        for (auto& [name, tensor] : optimizer->state()) saved.emplace_back(name, tensor.clone());
        optimizer = std::make_unique<train::AdamW>(parameters, train::AdamWOptions{.weight_decay = 0.1});
        optimizer->restore(saved);
      }
      parameters[0].second.mutable_grad() = test::det_tensor(fmt::format("g{}", step), {7}, 0, 1);
      optimizer->step(0.05);
    }
    return parameters[0].second.detach();
  };
  CHECK(torch::equal(run(-1), run(3)));
  CHECK_FALSE(torch::equal(run(-1), test::det_tensor("w", {7}, 0, 1)));
}

TEST_CASE("a parameter without a gradient keeps its value and its count of steps") {
  train::NamedTensors parameters = {{"a", torch::ones({2}).requires_grad_(true)},
                                    {"b", torch::ones({2}).requires_grad_(true)}};
  parameters[0].second.mutable_grad() = torch::ones({2});
  train::AdamW optimizer(parameters, {.weight_decay = 0.5});
  optimizer.step(0.1);
  CHECK(torch::equal(parameters[1].second.detach(), torch::ones({2})));
  CHECK(torch::equal(optimizer.state().back().second, torch::tensor({1.0f, 0.0f})));
}

TEST_CASE("an optimiser state of another model is refused by name") {
  train::NamedTensors small = {{"w", torch::ones({2}).requires_grad_(true)}},
                      large = {{"w", torch::ones({3}).requires_grad_(true)}};
  train::AdamW optimizer(small, {});
  CHECK_THROWS_WITH_AS(optimizer.restore(train::AdamW(large, {}).state()),
                       "the optimiser's saved exp_avg.w has 3 values, this run's has 2", Error);
  CHECK_THROWS_WITH_AS(optimizer.restore({}), "the optimiser's saved state has no exp_avg.w", Error);
}

TEST_CASE("clipping divides by the norm's excess, and leaves short gradients as they are") {
  CHECK(train::clipping_divisor(0.5, 1.0) == 1.0);
  CHECK(train::clipping_divisor(4.0, 2.0) == doctest::Approx(2.0).epsilon(1e-6));
  CHECK(train::clipping_divisor(4.0, 0.0) == 1.0);
}

TEST_CASE("the first value that is no finite number is named with its dtype") {
  train::NamedTensors tensors = {{"fine", torch::ones({2})}, {"half", torch::full({2}, INFINITY, torch::kBFloat16)}};
  CHECK(train::first_non_finite_value(tensors) == "half (bfloat16)");
  tensors.pop_back();
  CHECK_FALSE(train::first_non_finite_value(tensors).has_value());
  tensors[0].second.requires_grad_(true).mutable_grad() = torch::full({2}, NAN);
  CHECK(train::first_non_finite_gradient(tensors) == "fine (float32)");
}

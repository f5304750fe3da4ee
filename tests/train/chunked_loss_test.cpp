#include "train/worker/chunked_loss.hpp"

#include <doctest/doctest.h>

#include "support/det_init.hpp"

using namespace lmf;

namespace {

struct Result {
  torch::Tensor loss, hidden_gradient, weight_gradient;
};

struct Case {
  torch::Tensor hidden = test::det_tensor("hidden", {37, 24}, 0.0, 2.0).requires_grad_(true);  // [n, C]
  model::Linear head;
  torch::Tensor targets = (test::det_tensor("targets", {37}, 0.5, 0.5) * 100).to(torch::kInt64);

  Case() { head.weight = test::det_tensor("head", {101, 24}, 0.0, 1.0).requires_grad_(true); }
  Result finish(const torch::Tensor& loss) const {
    loss.backward();
    return {loss.detach(), hidden.grad(), head.weight.grad()};
  }
  Result plain(double divisor) const {
    const auto logits = hidden.matmul(head.weight.t());
    return finish(torch::cross_entropy_loss(logits, targets, /*weight=*/{}, at::Reduction::Sum) / divisor);
  }
};

double difference(const torch::Tensor& a, const torch::Tensor& b) { return (a - b).abs().max().item<double>(); }

}  // namespace

TEST_CASE("the chunked loss and its gradients are plain cross-entropy's, whatever the size of a chunk") {
  const Result expected = Case().plain(50.0);
  for (std::int64_t rows : {1, 5, 37, 1000}) {
    const Case with;
    const Result chunked =
        with.finish(train::chunked_cross_entropy(with.hidden, with.head, with.targets, 50.0, rows * 101 * 4));
    MESSAGE(rows << " rows a chunk: loss " << difference(chunked.loss, expected.loss) << ", gradients "
                 << difference(chunked.hidden_gradient, expected.hidden_gradient) << " "
                 << difference(chunked.weight_gradient, expected.weight_gradient));
    // Loss about 7, gradients below 1: a few roundings of sums in another order.
    CHECK(difference(chunked.loss, expected.loss) < 5e-6);
    CHECK(difference(chunked.hidden_gradient, expected.hidden_gradient) < 2e-7);
    CHECK(difference(chunked.weight_gradient, expected.weight_gradient) < 1e-6);
  }
}

TEST_CASE("a frozen head gets no gradient, the hidden states get theirs") {
  Case with;
  with.head.weight.requires_grad_(false);
  const Result result = with.finish(train::chunked_cross_entropy(with.hidden, with.head, with.targets, 50.0));
  CHECK_FALSE(result.weight_gradient.defined());
  CHECK(difference(result.hidden_gradient, Case().plain(50.0).hidden_gradient) < 2e-7);
}

TEST_CASE("two losses of one step add their gradients, and a weighed loss scales them") {
  const Case twice, scaled;
  train::chunked_cross_entropy(twice.hidden, twice.head, twice.targets, 50.0).backward();
  const Result sum = twice.finish(train::chunked_cross_entropy(twice.hidden, twice.head, twice.targets, 50.0));
  const Result product =
      scaled.finish(2 * train::chunked_cross_entropy(scaled.hidden, scaled.head, scaled.targets, 50.0));
  CHECK(difference(sum.weight_gradient, product.weight_gradient) < 1e-6);
  CHECK(difference(sum.hidden_gradient, product.hidden_gradient) < 1e-6);
}

TEST_CASE("a head with an adapter gives the same loss as its merged weight") {
  Case with;
  with.head.lora_a = test::det_tensor("a", {4, 24}, 0.0, 0.3).requires_grad_(true);
  with.head.lora_b = test::det_tensor("b", {101, 4}, 0.0, 0.3).requires_grad_(true);
  with.head.lora_scale = 2.0;
  Case merged;
  merged.head.weight =
      (with.head.weight + 2.0 * with.head.lora_b.matmul(with.head.lora_a)).detach().requires_grad_(true);
  const auto loss = train::chunked_cross_entropy(with.hidden, with.head, with.targets, 50.0);
  CHECK(difference(loss, merged.plain(50.0).loss) < 1e-5);
  loss.backward();
  CHECK(with.head.lora_a.grad().abs().sum().item<double>() > 0);
}

TEST_CASE("a logit far above the others gives a finite loss") {
  Case with;
  with.hidden = (with.hidden.detach() * 1e4).requires_grad_(true);
  const Result result = with.finish(train::chunked_cross_entropy(with.hidden, with.head, with.targets, 1.0));
  CHECK(std::isfinite(result.loss.item<double>()));
  CHECK(torch::isfinite(result.hidden_gradient).all().item<bool>());
}

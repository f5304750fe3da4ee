#include "infer/generator.hpp"

#include <algorithm>

#include <torch/utils.h>
#include <fmt/format.h>

#include "lmf/error.hpp"

namespace lmf::infer {
namespace {

using Clock = std::chrono::steady_clock;

// A prompt is read in pieces, so that a long one can be cancelled and its activations stay small.
constexpr std::size_t kPrefillTokens = 512;
// The cache grows by whole blocks: a conversation's every turn would copy it otherwise.
constexpr std::int64_t kCacheBlockTokens = 256;

bool contains(std::span<const std::int32_t> ids, std::int32_t id) {
  return std::find(ids.begin(), ids.end(), id) != ids.end();
}

/// Beyond that length the dynamic kind turns each token with frequencies of the sequence's length at that time: then
/// the prompt is read whole, as its length turns it, and nothing read at another length is reused.
bool turns_with_length(const model::Rope& rope, std::size_t tokens) {
  return rope.kind == model::Rope::Kind::dynamic && static_cast<std::int64_t>(tokens) > rope.original_max_positions;
}

void check(const Request& request, const model::DecoderSpec& spec) {
  const auto tokens = static_cast<std::int64_t>(request.prompt.size());
  if (tokens == 0)
    throw Error("the prompt has no token to start from", "write something, or use a template that begins with one");
  if (const std::int64_t most = model::context_length(spec); tokens >= most)
    throw Error(fmt::format("the conversation has {} tokens, the model's context holds {}", tokens, most),
                "begin a new conversation, or ask something shorter");
  for (const std::int32_t id : request.prompt)
    if (id < 0 || id >= spec.vocab_size)
      throw Error(fmt::format("token {} is not among the model's {}", id, spec.vocab_size),
                  "the tokenizer belongs to another model, or the template's tokens were added after training");
}

}  // namespace

Answer Generator::generate(const Request& request, const std::function<void(std::int32_t)>& on_token,
                           const std::atomic<bool>& cancelled) {
  const torch::InferenceMode no_gradients;
  check(request, decoder_.spec());
  const auto began = Clock::now();
  const auto prompt_tokens = static_cast<std::int64_t>(request.prompt.size());
  const std::int64_t room = model::context_length(decoder_.spec()) - prompt_tokens;
  const std::int64_t limit = std::min(request.max_new_tokens, room);
  Sampler sampler(request.sampling, decoder_.spec().vocab_size);
  sampler.observe(request.prompt);

  Answer answer;
  const model::Rope& rope = decoder_.spec().rope;
  const std::size_t piece_tokens =
      turns_with_length(rope, request.prompt.size()) ? request.prompt.size() : kPrefillTokens;
  if (turns_with_length(rope, std::max(request.prompt.size(), cached_.size()))) cached_.clear();
  answer.reused_tokens = reuse_prefix(request.prompt, prompt_tokens + limit);
  answer.finish = limit == request.max_new_tokens ? Finish::length : Finish::context;
  auto pending = std::span<const std::int32_t>(request.prompt).subspan(static_cast<std::size_t>(answer.reused_tokens));
  while (static_cast<std::int64_t>(answer.ids.size()) < limit) {
    if (cancelled) {
      answer.finish = Finish::cancelled;
      break;
    }
    const auto piece = pending.first(std::min(pending.size(), piece_tokens));
    const auto logits = run(piece);
    pending = pending.subspan(piece.size());
    if (!pending.empty()) continue;
    const std::int32_t id = sampler.next(logits);
    if (answer.ids.empty()) answer.first_token = Clock::now() - began;
    if (contains(request.stop_ids, id)) {
      answer.finish = Finish::stop;
      break;
    }
    answer.ids.push_back(id);
    on_token(id);
    pending = {&answer.ids.back(), 1};
  }
  answer.whole = Clock::now() - began;
  return answer;
}

/// Keeps what cache and prompt have in common, but not the prompt's last token: its logits are needed. Returns how
/// many.
std::int64_t Generator::reuse_prefix(std::span<const std::int32_t> prompt, std::int64_t capacity) {
  const auto usable = prompt.first(prompt.size() - 1);
  const auto common = static_cast<std::int64_t>(
      std::mismatch(usable.begin(), usable.end(), cached_.begin(), cached_.end()).first - usable.begin());
  if (!cache_ || cache_->keys.front().size(0) < capacity) {
    const std::int64_t rounded = (capacity + kCacheBlockTokens - 1) / kCacheBlockTokens * kCacheBlockTokens;
    model::KeyValueCache larger(decoder_.spec(), rounded, decoder_.embedding.scalar_type(),
                                decoder_.embedding.device());
    for (std::size_t layer = 0; common > 0 && layer < larger.keys.size(); ++layer) {
      larger.keys[layer].narrow(0, 0, common).copy_(cache_->keys[layer].narrow(0, 0, common));
      larger.values[layer].narrow(0, 0, common).copy_(cache_->values[layer].narrow(0, 0, common));
    }
    cache_ = std::move(larger);
  }
  cache_->length = common;
  cached_.resize(static_cast<std::size_t>(common));
  return common;
}

/// Appends `ids` to the cached sequence; logits of the token that follows them, valid until the next call.
std::span<const float> Generator::run(std::span<const std::int32_t> ids) {
  const auto tokens = static_cast<std::int64_t>(ids.size());
  auto input = torch::empty({tokens}, torch::kInt64);
  std::copy(ids.begin(), ids.end(), input.data_ptr<std::int64_t>());
  const auto hidden = decoder_.hidden_cached(input.to(decoder_.embedding.device()), *cache_);  // [n, C]
  cached_.insert(cached_.end(), ids.begin(), ids.end());
  logits_ = decoder_.logits(hidden.narrow(0, tokens - 1, 1)).to(torch::kCPU, torch::kFloat32).contiguous();  // [1, V]
  return {logits_.data_ptr<float>(), static_cast<std::size_t>(logits_.numel())};
}

}  // namespace lmf::infer

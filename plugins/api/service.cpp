#include "service.hpp"

#include <algorithm>
#include <random>

#include <fmt/format.h>

#include "generation.hpp"
#include "protocol/api_error.hpp"

namespace lmf::api {
namespace {

std::uint64_t random_number() {
  std::random_device device;
  return static_cast<std::uint64_t>(device()) << 32 | device();
}

/// splitmix64, so that numbers in a row look like none (Steele et al. 2014).
std::uint64_t mixed(std::uint64_t number) {
  number += 0x9E3779B97F4A7C15;
  number = (number ^ (number >> 30)) * 0xBF58476D1CE4E5B9;
  number = (number ^ (number >> 27)) * 0x94D049BB133111EB;
  return number ^ (number >> 31);
}

}  // namespace

Workbench::Workbench() : thread_([this] { run(); }) {}

Workbench::~Workbench() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void Workbench::add(std::function<void()> work) {
  {
    const std::lock_guard lock(mutex_);
    work_.push_back(std::move(work));
  }
  wake_.notify_one();
}

void Workbench::run() {
  for (std::unique_lock lock(mutex_);;) {
    wake_.wait(lock, [&] { return ending_ || !work_.empty(); });
    if (work_.empty()) return;
    auto work = std::move(work_.front());
    work_.pop_front();
    lock.unlock();
    work();
    work = nullptr;
    lock.lock();
  }
}

Service::Service(const Settings& settings, Metrics& metrics, infer::LoadedModel model, const std::string& version)
    : settings_(settings), metrics_(metrics), model_(std::move(model)), version_(version), id_base_(random_number()) {}

/// First who asks, then who answers: both use all the rest.
Service::~Service() {
  small_.reset();
  large_.reset();
  model_.engine.reset();
}

Bounds Service::bounds() const {
  return {.vocab_size = std::min(model_.engine->spec().vocab_size, model_.tokenizer.vocab_size()),
          .lf_compat = settings_.environment.lf_compat};
}

const infer::ValueHead* Service::value_head(std::int32_t adapter) const {
  const auto& head = adapter < 0 ? model_.value_head : model_.apart_heads.at(static_cast<std::size_t>(adapter));
  return head ? &*head : nullptr;
}

std::string Service::fingerprint(std::int32_t adapter) const {
  const auto& weights =
      adapter < 0 ? model_.fingerprint : model_.apart_fingerprints.at(static_cast<std::size_t>(adapter));
  return fmt::format("lmf-{}-{:08x}", version_, static_cast<std::uint32_t>(weights ^ weights >> 32));
}

void Service::require_known(const std::vector<std::int32_t>& ids) const {
  const std::int64_t known = model_.engine->spec().vocab_size;
  const auto strange = std::ranges::find_if(ids, [&](std::int32_t id) { return id < 0 || id >= known; });
  if (strange == ids.end()) return;
  throw ApiError(
      500, error_type(500),
      fmt::format("the prompt has token {} ('{}'), and the model knows {}: the server's template or tokenizer "
                  "does not belong to its model",
                  *strange, model_.tokenizer.token(*strange), known));
}

EngineNumbers Service::numbers() const {
  const infer::Load load = model_.engine->load();
  return {.running = load.running,
          .waiting = load.waiting,
          .most_running = load.most_running,
          .slots = load.slots,
          .prompt_tokens = load.prompt_tokens,
          .cached_tokens = load.cached_tokens,
          .generated_tokens = load.generated_tokens,
          .cache_usage =
              load.positions > 0 ? static_cast<double>(load.used_positions) / static_cast<double>(load.positions) : 0,
          .steps_of = load.steps_of,
          .gpu_bytes = model_.gpu_bytes()};
}

std::shared_ptr<const infer::TokenBytes> Service::token_bytes() {
  const std::lock_guard lock(mutex_);
  if (!token_bytes_) token_bytes_ = std::make_shared<infer::TokenBytes>(model_.tokenizer);
  return token_bytes_;
}

std::string Service::new_id() {
  const std::uint64_t number = ids_++;
  return fmt::format("{:016x}{:016x}", mixed(id_base_ + 2 * number), mixed(id_base_ + 2 * number + 1));
}

std::uint64_t Service::new_seed() { return mixed(id_base_ ^ mixed(ids_++)); }

void Service::later(std::size_t bytes, std::function<void()> work) {
  constexpr std::size_t kLarge = 64 * 1024;
  (bytes < kLarge ? small_ : large_)->add(std::move(work));
}

void Service::enter(const std::shared_ptr<Generation>& generation) {
  const std::lock_guard lock(mutex_);
  generations_[generation.get()] = generation;
}

void Service::leave(const Generation* generation) {
  const std::lock_guard lock(mutex_);
  generations_.erase(generation);
}

void Service::end_all(const std::string& why) {
  std::vector<std::shared_ptr<Generation>> all;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [key, weak] : generations_)
      if (auto generation = weak.lock()) all.push_back(std::move(generation));
  }
  for (const auto& generation : all) generation->abort(why);
}

}  // namespace lmf::api

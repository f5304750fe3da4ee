#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "infer/loaded_model.hpp"
#include "infer/token_filter.hpp"
#include "metrics.hpp"
#include "protocol/generation_fields.hpp"
#include "settings.hpp"

namespace lmf::api {

class Generation;

/// A thread that does what handlers must not: taking long texts apart, while the server's own thread serves others.
class Workbench {
 public:
  Workbench();
  ~Workbench();  ///< does what is left
  Workbench(const Workbench&) = delete;
  Workbench& operator=(const Workbench&) = delete;
  void add(std::function<void()> work);

 private:
  void run();
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> work_;
  bool ending_ = false;
  std::thread thread_;
};

/// A model that answers, once it is loaded, and all that is being answered.
class Service {
 public:
  /// `version`: of lmf.
  Service(const Settings& settings, Metrics& metrics, infer::LoadedModel model, const std::string& version);
  ~Service();

  const Settings& settings() const { return settings_; }
  Metrics& metrics() { return metrics_; }
  const text::Tokenizer& tokenizer() const { return model_.tokenizer; }
  const text::ChatTemplate& chat_template() const { return model_.chat_template; }
  infer::Engine& engine() { return *model_.engine; }
  /// What an adapter that is kept apart (-1: the model itself) scores with, or null. An adapter without a head has
  /// none: the model's was trained on other states.
  const infer::ValueHead* value_head(std::int32_t adapter) const;
  /// Made when it is asked for the first time.
  std::shared_ptr<const infer::TokenBytes> token_bytes();
  /// OpenAI's: equal as long as equal requests get equal answers. `adapter` as in value_head().
  std::string fingerprint(std::int32_t adapter) const;
  Bounds bounds() const;
  /// Throws ApiError 500 for tokens that the model does not have: the server's fault, since requests are read by
  /// bounds(). A template may have added them, or the tokenizer is another model's.
  void require_known(const std::vector<std::int32_t>& ids) const;
  EngineNumbers numbers() const;
  /// "0123456789abcdef…" of 32 digits.
  std::string new_id();
  /// A seed for a request that names none.
  std::uint64_t new_seed();

  /// Does the work of a request whose body has so many bytes: large ones wait for each other alone.
  void later(std::size_t bytes, std::function<void()> work);

  // Generations that are under way, so that they can be ended.
  void enter(const std::shared_ptr<Generation>& generation);
  void leave(const Generation* generation);
  void end_all(const std::string& why);

 private:
  const Settings& settings_;
  Metrics& metrics_;
  infer::LoadedModel model_;
  const std::string version_;
  std::atomic<std::uint64_t> ids_ = 0;
  const std::uint64_t id_base_;
  std::mutex mutex_;
  std::shared_ptr<const infer::TokenBytes> token_bytes_;
  std::map<const Generation*, std::weak_ptr<Generation>> generations_;
  std::unique_ptr<Workbench> small_ = std::make_unique<Workbench>(), large_ = std::make_unique<Workbench>();
};

}  // namespace lmf::api

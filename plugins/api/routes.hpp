#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>

#include "http/router.hpp"
#include "service.hpp"

namespace lmf::api {

/// A service that is not there yet, while its model is being loaded, and then is. Safe from any thread.
class ServicePlace {
 public:
  std::shared_ptr<Service> get() const {
    const std::lock_guard lock(mutex_);
    return service_;
  }
  void set(std::shared_ptr<Service> service) {
    const std::lock_guard lock(mutex_);
    service_ = std::move(service);
  }

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<Service> service_;
};

/// What the routes need besides the service.
struct Surroundings {
  const Settings& settings;
  Metrics& metrics;
  ServicePlace& place;
  std::string openapi;       ///< the document of that name
  std::int64_t started = 0;  ///< seconds since 1970
};

/// All routes, with and without /v1. `surroundings` outlives the server.
http::Router make_router(const Surroundings& surroundings);

/// An error as an answer.
http::Response error_response(const class ApiError& error);

}  // namespace lmf::api

#pragma once

#include <map>
#include <string>

#include "config/options.hpp"
#include "lmf/abi.h"

namespace lmf::train {

/// What has to be alike on all nodes of a job, each in a short form that can be compared and shown: the version of lmf
/// and digests of the launcher's and the trainer's libraries.
std::map<std::string, std::string> job_facts(const lmf_host_v1& host);
/// That, and every option that is not at its default: the same build has the same defaults.
std::map<std::string, std::string> job_facts(const lmf_host_v1& host, const config::Options& options);
/// The options alone: names and values, wherever they were given.
std::map<std::string, std::string> option_facts(const config::Options& options, const config::OptionTable& table);

}  // namespace lmf::train

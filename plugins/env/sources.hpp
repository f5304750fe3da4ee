#pragma once

#include "lmf/abi.h"
#include "report.hpp"

/// Where the rows of the report come from. None throws: what cannot be found out is said in the row itself.
namespace lmf::env {

/// System, kernel, processor with its instruction sets, cores, memory.
void add_machine(Report& report);

/// The libtorch that training would use: version, build, file. Loaded in a child process only.
void add_torch(Report& report, const lmf_host_v1& host);

/// NVIDIA driver and devices, without nvidia-smi.
void add_accelerators(Report& report);

/// Variables of LLaMA-Factory, of launchers and of caches that are set. Secrets are not shown.
void add_variables(Report& report);

}  // namespace lmf::env

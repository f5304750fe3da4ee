#pragma once

namespace lmf::train {

/// Which job a worker belongs to, told by lmf's launcher: unlike a name that a user chose no other job ever has it, and
/// all of the job's nodes and attempts do. A checkpoint keeps it, so that a job that is started again knows its own
/// without comparing the clocks of machines.
inline constexpr const char* kJobIdVariable = "LMF_JOB_ID";

}  // namespace lmf::train

#pragma once

namespace lmf::train {

/// Which job a worker belongs to, told by lmf's launcher: unlike a name that a user chose no other job ever has it, and
/// all of the job's nodes and attempts do. A checkpoint keeps it, so that a job that is started again knows its own
/// without comparing the clocks of machines.
inline constexpr const char* kJobIdVariable = "LMF_JOB_ID";

/// Comes with a SIGTERM of lmf's launcher (sigqueue's value) when other workers of the attempt have failed or are gone:
/// who waits for them waits in vain, and there is nothing to be saved together.
inline constexpr int kAttemptIsLost = 0x6c6d66;

/// What ranks leave in the store for one another, below the attempt's prefix: RANK of each follows after a slash.
inline constexpr const char* kJoinedKey = "joined";     ///< who it is
inline constexpr const char* kEndKey = "end";           ///< its last words
inline constexpr const char* kSomeEndKey = "some_end";  ///< of all together: one has left last words
/// As last words: only because of others.
inline constexpr const char* kLostOthers = "lost";

/// The keys' prefix in a job that lmf's launcher has not started.
inline constexpr const char* kFirstAttempt = "attempt-0";

}  // namespace lmf::train

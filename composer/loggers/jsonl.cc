#include "composer/loggers/jsonl.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "composer/base/exceptions.h"
#include "composer/base/json_text.h"
#include "composer/base/logging.h"
#include "composer/base/status.h"
#include "composer/core/state.h"

namespace composer {
namespace {

void append_integer(std::string& out, absl::string_view key, int64_t value) {
  char digits[24];
  const auto [end, error] = std::to_chars(digits, digits + sizeof(digits), value);
  out.append(",\"").append(key.data(), key.size()).append("\":").append(digits, end);
}

absl::StatusOr<int64_t> size_of(int file, const std::string& path) {
  struct stat status;
  if (::fstat(file, &status) == 0) return static_cast<int64_t>(status.st_size);
  return absl::ErrnoToStatus(errno, absl::StrCat("cannot look at ", path));
}

// Where the last whole line ends.
int64_t end_of_lines(int file, int64_t size) {
  char byte;
  while (size > 0 && !(::pread(file, &byte, 1, size - 1) == 1 && byte == '\n')) --size;
  return size;
}

}  // namespace

absl::StatusOr<std::unique_ptr<JsonlLogger>> JsonlLogger::create(const Config& config,
                                                                 const RunContext& run) {
  if (config.filename().empty()) return field_error("filename", "is empty; name a file");
  const absl::StatusOr<Time> interval = Time::parse(config.log_interval());
  if (!interval.ok()) return in_field("log_interval", interval.status());
  auto logger = open(absl::StrCat(run.run_dir, "/", config.filename()), *interval);
  if (!logger.ok()) return in_field("filename", logger.status());
  return logger;
}

absl::StatusOr<std::unique_ptr<JsonlLogger>> JsonlLogger::open(std::string path, Time interval) {
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  if (file < 0) return absl::ErrnoToStatus(errno, absl::StrCat("cannot open ", path));
  return std::unique_ptr<JsonlLogger>(new JsonlLogger(std::move(path), file, interval));
}

JsonlLogger::~JsonlLogger() { ::close(file_); }

bool JsonlLogger::due(const Timestamp& before, const Timestamp& after) {
  return interval_.due(before, after);
}

void JsonlLogger::fit_start(State& state, Logger& logger) {
  // A run that is resumed in the middle of an epoch does not see it start.
  interval_.set_batches_per_epoch(state.dataloader_length);
}

void JsonlLogger::epoch_start(State& state, Logger& logger) {
  interval_.set_batches_per_epoch(state.dataloader_length);
}

void JsonlLogger::log_metrics(const MetricValues& metrics, const Timestamp& now) {
  char seconds[32];
  const auto [end, error] =
      std::to_chars(seconds, seconds + sizeof(seconds), absl::GetCurrentTimeNanos() * 1e-9,
                    std::chars_format::fixed, 6);
  line_.assign("{\"time\":");
  line_.append(seconds, end);
  append_integer(line_, "epoch", now.epoch);
  append_integer(line_, "batch", now.batch);
  append_integer(line_, "sample", now.sample);
  for (const auto& [name, value] : metrics) {
    line_.push_back(',');
    append_json_string(line_, name);
    line_.push_back(':');
    append_json_number(line_, value);
  }
  line_.append("}\n");

  const ssize_t written = ::write(file_, line_.data(), line_.size());
  if (written == static_cast<ssize_t>(line_.size())) return;
  const int reason = written < 0 ? errno : ENOSPC;
  if (written > 0) {
    // Half a line would spoil the file for its readers. Nothing more can be done if this fails too.
    [[maybe_unused]] const int cut = ::ftruncate(file_, ::lseek(file_, 0, SEEK_CUR) - written);
  }
  throw_if_error(absl::ErrnoToStatus(reason, absl::StrCat("cannot write ", path_)));
}

StateDict JsonlLogger::state_dict() const {
  // What is no file on a disk, such as a pipe, cannot be synced, and need not be.
  if (::fdatasync(file_) != 0 && errno != EINVAL && errno != EROFS) {
    throw_if_error(absl::ErrnoToStatus(errno, absl::StrCat("cannot sync ", path_)));
  }
  const absl::StatusOr<int64_t> size = size_of(file_, path_);
  throw_if_error(size.status());
  StateDict state;
  state.set("offset", *size);
  return state;
}

absl::Status JsonlLogger::load_state_dict(const StateDict& state) {
  int64_t offset = 0;
  if (!state.empty()) {
    COMPOSER_ASSIGN_OR_RETURN(offset, state.integer("offset"));
  }
  COMPOSER_ASSIGN_OR_RETURN(const int64_t size, size_of(file_, path_));
  if (size < offset) {
    LOG(WARNING) << path_ << " has " << size << " bytes; it had " << offset
                 << " when the checkpoint was saved: " << offset - size
                 << " bytes of lines that were logged before it are missing, and stay so";
    // The last line may be a part of one.
    offset = end_of_lines(file_, size);
  }
  if (offset == size || ::ftruncate(file_, offset) == 0) return absl::OkStatus();
  return absl::ErrnoToStatus(errno, absl::StrCat("cannot cut ", path_, " to ", offset, " bytes"));
}

COMPOSER_REGISTER(LoggerDestination, JsonlLogger);

}  // namespace composer

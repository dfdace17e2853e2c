#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "composer/core/logger.h"
#include "composer/core/registries.h"
#include "composer/loggers/log_interval.h"
#include "proto/logger.pb.h"

namespace composer {

/// Appends one flat JSON object a line to a file:
///
///   {"time":1769000000.123,"epoch":0,"batch":10,"sample":1280,"loss/train/total":1.93}
///
/// `time` is the wall clock in seconds since 1970, `epoch`, `batch` and `sample` are what training
/// has completed, then come the metrics by name; NaN and infinities are `null`. A line is handed to
/// the system whole, when it is logged: a reader never sees a part of one, and a crash loses none.
/// What cannot be written (a full disk) ends the run with the file and the reason.
///
/// A checkpoint knows how long the file was, and loading it cuts off what was logged later: those
/// steps are taken again, and no line comes twice.
class JsonlLogger : public LoggerDestination {
 public:
  using Config = config::Jsonl;
  /// Writes to `filename` in the folder of the run.
  static absl::StatusOr<std::unique_ptr<JsonlLogger>> create(const Config& config,
                                                             const RunContext& run);
  /// Training steps are logged every `interval`. The file is made, or appended to.
  static absl::StatusOr<std::unique_ptr<JsonlLogger>> open(std::string path, Time interval);
  ~JsonlLogger() override;

  JsonlLogger(const JsonlLogger&) = delete;
  JsonlLogger& operator=(const JsonlLogger&) = delete;

  bool due(const Timestamp& before, const Timestamp& after) override;
  void log_metrics(const MetricValues& metrics, const Timestamp& now) override;
  void fit_start(State& state, Logger& logger) override;
  void epoch_start(State& state, Logger& logger) override;

  /// "offset": the bytes of the file, which are on the disk when this returns. Throws when they
  /// cannot be brought there.
  StateDict state_dict() const override;
  /// Cuts the file to the state's offset; an empty state is that of a run's beginning. A file that
  /// is shorter, as after a power cut or when somebody removed it, is only warned of.
  absl::Status load_state_dict(const StateDict& state) override;

 private:
  JsonlLogger(std::string path, int file, Time interval)
      : path_(std::move(path)), file_(file), interval_(interval) {}

  std::string path_;
  int file_;
  LogInterval interval_;
  std::string line_;  // reused
};

}  // namespace composer

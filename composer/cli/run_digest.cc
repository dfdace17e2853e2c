#include "composer/cli/run_digest.h"

#include <c10/core/ScalarType.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "composer/base/status.h"
#include "composer/checkpoint/checkpoint.h"
#include "composer/checkpoint/checkpoint_reader.h"
#include "composer/checkpoint/sha256.h"
#include "composer/cli/resume.h"

namespace composer {
namespace {

using Json = nlohmann::ordered_json;

void update(Sha256& hash, absl::string_view text) {
  // With its length in front, so that no two lists of texts are the same bytes.
  const std::string size = absl::StrCat(text.size(), ":");
  hash.update(size.data(), size.size());
  hash.update(text.data(), text.size());
}

template <typename T>
absl::string_view bytes_of(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

void update(Sha256& hash, const at::Tensor& tensor) {
  if (!tensor.defined()) return update(hash, "undefined");
  const at::Tensor values = tensor.cpu().contiguous();
  update(hash, absl::StrCat(c10::toString(values.scalar_type()), " [",
                            absl::StrJoin(values.sizes(), ","), "]"));
  update(hash,
         absl::string_view(static_cast<const char*>(values.const_data_ptr()), values.nbytes()));
}

void update(Sha256& hash, const StateDict& state) {
  const auto add = [&](absl::string_view kind, const auto& entries, const auto& add_value) {
    for (const auto& [name, value] : entries) {
      update(hash, kind);
      update(hash, name);
      add_value(value);
    }
  };
  add("tensor", state.tensors(), [&](const at::Tensor& value) { update(hash, value); });
  add("integer", state.integers(), [&](int64_t value) { update(hash, bytes_of(value)); });
  add("number", state.numbers(), [&](double value) { update(hash, bytes_of(value)); });
  add("string", state.strings(), [&](const std::string& value) { update(hash, value); });
  add("part", state.children(), [&](const StateDict& value) {
    update(hash, value);
    update(hash, "end");
  });
}

StateDict part_of(const StateDict& state, absl::string_view name) {
  const absl::StatusOr<const StateDict*> part = state.child(name);
  return part.ok() ? **part : StateDict();
}

bool is_time(absl::string_view name) {
  return name == "time" || absl::StartsWith(name, "time/") ||
         absl::StartsWith(name, "throughput/") || absl::StartsWith(name, "wall_clock/");
}

bool is_clock(absl::string_view name) {
  return name == "epoch" || name == "batch" || name == "sample";
}

}  // namespace

std::string sha256_of_state(const StateDict& state) {
  Sha256 hash;
  update(hash, state);
  return hash.finish();
}

StateDict without_clocks(const StateDict& state) {
  StateDict result;
  const auto copy = [&](const auto& entries) {
    for (const auto& [name, value] : entries) {
      if (!absl::EndsWith(name, "_wct")) result.set(name, value);
    }
  };
  copy(state.tensors());
  copy(state.integers());
  copy(state.numbers());
  for (const auto& [name, value] : state.strings()) result.set(name, absl::string_view(value));
  for (const auto& [name, part] : state.children()) {
    if (name != "loggers") result.set(name, without_clocks(part));
  }
  return result;
}

absl::StatusOr<std::string> metrics_without_times(absl::string_view text) {
  std::string result;
  for (const absl::string_view line : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
    const Json object = Json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (!object.is_object()) {
      return absl::DataLossError(absl::StrCat("a line is no JSON object: ", line));
    }
    Json kept = Json::object();
    bool any = false;
    for (const auto& [name, value] : object.items()) {
      if (is_time(name)) continue;
      kept[name] = value;
      any = any || !is_clock(name);
    }
    if (any) absl::StrAppend(&result, kept.dump(), "\n");
  }
  return result;
}

std::string RunDigest::weights_hash() const { return sha256_of_state(part_of(state, "model")); }

std::string RunDigest::optimizer_hash() const {
  return sha256_of_state(part_of(state, "optimizers"));
}

std::string RunDigest::rest_hash() const {
  StateDict rest;
  for (const auto& [name, part] : state.children()) {
    if (name != "model" && name != "optimizers") rest.set(name, part);
  }
  for (const auto& [name, value] : state.integers()) rest.set(name, value);
  for (const auto& [name, value] : state.numbers()) rest.set(name, value);
  for (const auto& [name, value] : state.strings()) rest.set(name, absl::string_view(value));
  for (const auto& [name, value] : state.tensors()) rest.set(name, value);
  return sha256_of_state(rest);
}

std::string RunDigest::metrics_hash() const { return sha256_of(metrics); }

absl::StatusOr<RunDigest> digest_of_run(const std::string& run_dir,
                                        const std::string& metrics_file) {
  COMPOSER_ASSIGN_OR_RETURN(const NewestGood newest,
                            newest_good_checkpoint(checkpoints_of(run_dir)));
  if (!newest.checkpoint) {
    return absl::NotFoundError(absl::StrCat("there is no checkpoint in ", run_dir));
  }
  COMPOSER_ASSIGN_OR_RETURN(const Checkpoint checkpoint, read_checkpoint(newest.checkpoint->path));
  RunDigest digest{.time = checkpoint.time, .state = without_clocks(checkpoint.state)};
  if (metrics_file.empty()) return digest;
  std::ifstream file(absl::StrCat(run_dir, "/", metrics_file));
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  COMPOSER_ASSIGN_OR_RETURN(digest.metrics, metrics_without_times(text));
  return digest;
}

std::string first_difference(const RunDigest& a, const RunDigest& b) {
  for (const char* name : {"model", "optimizers"}) {
    const std::string path = part_of(a.state, name).first_difference(part_of(b.state, name));
    if (!path.empty()) return absl::StrCat(name, ".", path);
  }
  const std::string path = a.state.first_difference(b.state);
  if (!path.empty() || a.metrics == b.metrics) return path;
  const std::vector<std::string> left = absl::StrSplit(a.metrics, '\n');
  const std::vector<std::string> right = absl::StrSplit(b.metrics, '\n');
  size_t line = 0;
  while (line < std::min(left.size(), right.size()) && left[line] == right[line]) ++line;
  const auto text = [line](const std::vector<std::string>& lines) {
    return line < lines.size() && !lines[line].empty() ? lines[line] : "no line";
  };
  return absl::StrCat("metrics, line ", line + 1, ": ", text(left), " or ", text(right));
}

}  // namespace composer

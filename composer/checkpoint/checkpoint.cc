#include "composer/checkpoint/checkpoint.h"

#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <sys/utsname.h>
#include <torch/headeronly/version.h>

#include <algorithm>
#include <fstream>
#include <type_traits>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "composer/base/exceptions.h"
#include "composer/base/json_text.h"
#include "composer/base/posix_file.h"
#include "composer/base/status.h"
#include "composer/base/version.h"
#include "composer/checkpoint/checkpoint_reader.h"
#include "composer/checkpoint/checkpoint_writer.h"
#include "composer/checkpoint/named_tensors.h"
#include "composer/checkpoint/safetensors.h"
#include "composer/checkpoint/safetensors_stream.h"
#include "composer/checkpoint/state_file.h"
#include "composer/core/snapshot.h"

namespace composer {
namespace {

constexpr char kModelFile[] = "model.safetensors";
constexpr char kOptimizerFile[] = "optimizer.safetensors";
constexpr char kStateFile[] = "state.safetensors";
constexpr char kHuggingfaceFile[] = "config.json";
constexpr char kConfigFile[] = "config.textproto";

// Parts of the state with a file of their own.
constexpr char kModel[] = "model";
constexpr char kOptimizers[] = "optimizers";

// Parts of state.safetensors.
constexpr char kState[] = "state";
constexpr char kConditions[] = "conditions";
constexpr char kTime[] = "time";
constexpr char kMetrics[] = "metrics";

std::string processor_model() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    const size_t colon = line.find(": ");
    if (line.rfind("model name", 0) == 0 && colon != std::string::npos) {
      return line.substr(colon + 2);
    }
  }
  // Not every architecture has that line.
  utsname system;
  return ::uname(&system) == 0 ? system.machine : "";
}

template <typename Visit>
void for_each_condition(Visit visit) {
  visit("composer", &RunConditions::composer_version);
  visit("LibTorch", &RunConditions::libtorch_version);
  visit("processor", &RunConditions::processor);
  visit("device", &RunConditions::device);
  visit("threads", &RunConditions::threads);
  visit("world size", &RunConditions::world_size);
}

StateDict to_state_dict(const RunConditions& conditions) {
  StateDict state;
  for_each_condition([&](const char* name, auto field) { state.set(name, conditions.*field); });
  return state;
}

absl::StatusOr<RunConditions> conditions_from(const StateDict& state) {
  RunConditions conditions;
  absl::Status status;
  const auto take = [&](auto value, auto& field) {
    if (value.ok()) {
      field = *std::move(value);
    } else {
      status.Update(value.status());
    }
  };
  for_each_condition([&](const char* name, auto field) {
    if constexpr (std::is_same_v<decltype(field), std::string RunConditions::*>) {
      take(state.string(name), conditions.*field);
    } else {
      take(state.integer(name), conditions.*field);
    }
  });
  if (!status.ok()) return status;
  return conditions;
}

// What is no tensor with values, and so has no place in a file for other programs.
StateDict without_values(const StateDict& part) {
  StateDict result;
  for (const auto& [name, value] : part.integers()) result.set(name, value);
  for (const auto& [name, value] : part.numbers()) result.set(name, value);
  for (const auto& [name, value] : part.strings()) result.set(name, value);
  for (const auto& [name, value] : part.children()) result.set(name, value);
  for (const auto& [name, value] : part.tensors()) {
    if (!value.defined()) result.set(name, value);
  }
  return result;
}

struct File {
  std::string name;
  std::variant<std::string, SafetensorsStream> content;

  uint64_t size() const {
    if (const auto* text = std::get_if<std::string>(&content)) return text->size();
    return std::get<SafetensorsStream>(content).size();
  }

  absl::Status write(const ByteSink& sink) const {
    if (const auto* text = std::get_if<std::string>(&content)) {
      return sink(text->data(), text->size());
    }
    return std::get<SafetensorsStream>(content).write(sink);
  }
};

absl::StatusOr<File> model_file(const StateDict& model) {
  NamedTensors tensors;
  for (const auto& [name, tensor] : model.tensors()) {
    if (!tensor.defined()) continue;
    if (tensor.layout() != at::kStrided) {
      return absl::InvalidArgumentError(
          absl::StrCat(kModelFile, ": tensor ", json_quote(name), " is not dense"));
    }
    tensors.emplace_back(name, tensor);
  }
  UntiedTensors untied = separate_tied(tensors);
  SafetensorsMetadata metadata = {{"format", "pt"}};
  metadata.insert(metadata.end(), untied.tied.begin(), untied.tied.end());
  auto stream = SafetensorsStream::create(untied.tensors, metadata);
  if (!stream.ok()) return annotate(kModelFile, stream.status());
  return File{kModelFile, *std::move(stream)};
}

absl::StatusOr<File> state_file(const char* name, const StateDict& state) {
  const auto content = state_file_content(state);
  if (!content.ok()) return annotate(name, content.status());
  auto stream = SafetensorsStream::create(content->tensors, content->metadata);
  if (!stream.ok()) return annotate(name, stream.status());
  return File{name, *std::move(stream)};
}

absl::StatusOr<std::vector<File>> files_of(const Checkpoint& checkpoint) {
  std::vector<File> files;
  // An empty part stands where a file has the rest of it.
  StateDict rest = checkpoint.state;
  if (const auto model = checkpoint.state.child(kModel); model.ok()) {
    COMPOSER_ASSIGN_OR_RETURN(File file, model_file(**model));
    files.push_back(std::move(file));
    rest.set(kModel, without_values(**model));
  }
  if (const auto optimizers = checkpoint.state.child(kOptimizers); optimizers.ok()) {
    COMPOSER_ASSIGN_OR_RETURN(File file, state_file(kOptimizerFile, **optimizers));
    files.push_back(std::move(file));
    rest.set(kOptimizers, StateDict());
  }
  StateDict state, metrics;
  for (const auto& [name, value] : checkpoint.metrics) metrics.set(name, value);
  state.set(kState, std::move(rest));
  state.set(kConditions, to_state_dict(checkpoint.conditions));
  state.set(kTime, to_state_dict(checkpoint.time));
  state.set(kMetrics, std::move(metrics));
  COMPOSER_ASSIGN_OR_RETURN(File file, state_file(kStateFile, state));
  files.push_back(std::move(file));
  if (!checkpoint.huggingface_config.empty()) {
    files.push_back({kHuggingfaceFile, checkpoint.huggingface_config});
  }
  if (!checkpoint.config_text.empty()) files.push_back({kConfigFile, checkpoint.config_text});
  return files;
}

absl::Status write(const std::string& parent, const std::string& name,
                   const Checkpoint& checkpoint) {
  COMPOSER_ASSIGN_OR_RETURN(const std::vector<File> files, files_of(checkpoint));
  CheckpointWriterOptions options{
      .parent = parent, .name = name, .time = checkpoint.time, .metrics = checkpoint.metrics};
  for (const File& file : files) options.files.emplace_back(file.name, file.size());
  COMPOSER_ASSIGN_OR_RETURN(const auto writer, CheckpointWriter::create(std::move(options)));
  const ByteSink sink = [&](const void* data, size_t size) { return writer->append(data, size); };
  for (const File& file : files) {
    COMPOSER_RETURN_IF_ERROR(writer->begin(file.name));
    COMPOSER_RETURN_IF_ERROR(file.write(sink));
  }
  return writer->commit();
}

// A folder whose manifest holds.
class Folder {
 public:
  Folder(std::string path, Manifest manifest)
      : path_(std::move(path)), manifest_(std::move(manifest)) {}

  absl::StatusOr<std::string> path_to(absl::string_view name) const {
    if (find(name) != manifest_.files.end()) return absl::StrCat(path_, "/", name);
    return absl::DataLossError(absl::StrCat(path_, ": the checkpoint has no ", name));
  }

  absl::StatusOr<StateDict> read_state(absl::string_view name) const {
    COMPOSER_ASSIGN_OR_RETURN(const std::string path, path_to(name));
    return read_state_file(path);
  }

  // Empty when there is none.
  absl::StatusOr<std::string> read_text(absl::string_view name) const {
    const auto file = find(name);
    if (file == manifest_.files.end()) return std::string();
    return read_small_file(absl::StrCat(path_, "/", name), file->size);
  }

 private:
  // A file of that name that the manifest does not have is none of the checkpoint's.
  std::vector<ManifestFile>::const_iterator find(absl::string_view name) const {
    return std::find_if(manifest_.files.begin(), manifest_.files.end(),
                        [&](const ManifestFile& file) { return file.name == name; });
  }

  std::string path_;
  Manifest manifest_;
};

// `model` with the tensors of the file.
absl::StatusOr<StateDict> read_model(const Folder& folder, StateDict model) {
  COMPOSER_ASSIGN_OR_RETURN(const std::string path, folder.path_to(kModelFile));
  COMPOSER_ASSIGN_OR_RETURN(const SafetensorsFile file, read_safetensors(path));
  for (const auto& [name, tensor] : restore_tied(file)) model.set(name, tensor);
  return model;
}

absl::Status read_state(const Folder& folder, Checkpoint& checkpoint) {
  COMPOSER_ASSIGN_OR_RETURN(const StateDict state, folder.read_state(kStateFile));
  const auto read_parts = [&]() -> absl::Status {
    COMPOSER_ASSIGN_OR_RETURN(const StateDict* rest, state.child(kState));
    COMPOSER_ASSIGN_OR_RETURN(const StateDict* conditions, state.child(kConditions));
    COMPOSER_ASSIGN_OR_RETURN(const StateDict* time, state.child(kTime));
    COMPOSER_ASSIGN_OR_RETURN(const StateDict* metrics, state.child(kMetrics));
    COMPOSER_ASSIGN_OR_RETURN(checkpoint.conditions, conditions_from(*conditions));
    COMPOSER_ASSIGN_OR_RETURN(checkpoint.time, timestamp_from(*time));
    checkpoint.metrics = metrics->numbers();
    checkpoint.state = *rest;
    return absl::OkStatus();
  };
  if (const absl::Status status = read_parts(); !status.ok()) {
    return absl::DataLossError(absl::StrCat(kStateFile, ": ", status.message()));
  }
  if (const auto model = checkpoint.state.child(kModel); model.ok()) {
    COMPOSER_ASSIGN_OR_RETURN(StateDict read, read_model(folder, **model));
    checkpoint.state.set(kModel, std::move(read));
  }
  if (checkpoint.state.child(kOptimizers).ok()) {
    COMPOSER_ASSIGN_OR_RETURN(StateDict read, folder.read_state(kOptimizerFile));
    checkpoint.state.set(kOptimizers, std::move(read));
  }
  return absl::OkStatus();
}

}  // namespace

RunConditions RunConditions::present(const std::string& device, int64_t world_size) {
  return {.composer_version = kVersion,
          .libtorch_version = TORCH_VERSION,
          .processor = absl::StrCat(processor_model(), ", ", at::get_cpu_capability()),
          .device = device,
          .threads = at::get_num_threads(),
          .world_size = world_size};
}

std::vector<std::string> RunConditions::differences(const RunConditions& now) const {
  std::vector<std::string> lines;
  for_each_condition([&](const char* name, auto field) {
    if (this->*field == now.*field) return;
    lines.push_back(
        absl::StrCat(name, ": ", this->*field, " when it was saved, ", now.*field, " now"));
  });
  return lines;
}

absl::Status write_checkpoint(const std::string& parent, const std::string& name,
                              const Checkpoint& checkpoint) {
  return catch_exceptions([&] { return write(parent, name, checkpoint); });
}

absl::StatusOr<Checkpoint> read_checkpoint(const std::string& folder) {
  const std::string manifest_path = absl::StrCat(folder, "/", kManifestName);
  COMPOSER_ASSIGN_OR_RETURN(const auto found, look_at(manifest_path));
  if (!found) {
    return absl::NotFoundError(
        absl::StrCat(folder, " is no checkpoint: there is no ", manifest_path));
  }
  COMPOSER_ASSIGN_OR_RETURN(Manifest manifest, verify_checkpoint(folder));
  const Folder verified(folder, std::move(manifest));
  Checkpoint checkpoint;
  COMPOSER_RETURN_IF_ERROR(read_state(verified, checkpoint));
  COMPOSER_ASSIGN_OR_RETURN(checkpoint.config_text, verified.read_text(kConfigFile));
  COMPOSER_ASSIGN_OR_RETURN(checkpoint.huggingface_config, verified.read_text(kHuggingfaceFile));
  return checkpoint;
}

}  // namespace composer

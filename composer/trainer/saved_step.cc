#include "composer/trainer/saved_step.h"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <system_error>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "composer/base/atomic_file.h"
#include "composer/base/json_number.h"
#include "composer/base/json_text.h"
#include "composer/base/status.h"
#include "composer/checkpoint/safetensors.h"
#include "composer/checkpoint/state_file.h"

namespace composer {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

std::string step_path(const std::string& folder) { return folder + "/step.json"; }
std::string state_path(const std::string& folder) { return folder + "/state.safetensors"; }
std::string batch_path(const std::string& folder) { return folder + "/batch.safetensors"; }

absl::Status system_error(absl::string_view what, const std::string& path,
                          const std::error_code& error) {
  return absl::ErrnoToStatus(error.value(), absl::StrCat("cannot ", what, " ", path));
}

double number_of(const Json& json) {
  double value;
  if (json.is_string() && absl::SimpleAtod(json.get<std::string>(), &value)) return value;
  return json.get<double>();
}

Json json_of(const SavedStep& step) {
  Json json;
  json["reason"] = step.reason;
  json["epoch"] = step.epoch;
  json["batch"] = step.batch;
  json["batch_in_epoch"] = step.batch_in_epoch;
  json["indices"] = step.indices ? Json(*step.indices) : Json(nullptr);
  json["loss"] = Json::object();
  for (const auto& [name, value] : step.loss) json["loss"][name] = json_number(value);
  json["parameters"] = step.parameters;
  json["learning_rates"] = step.learning_rates;
  json["threads"] = step.threads;
  json["dataloader_length"] = step.dataloader_length ? Json(*step.dataloader_length) : nullptr;
  json["batch_tensors"] = Json::array();
  for (const auto& [name, tensor] : step.data) json["batch_tensors"].push_back(name);
  return json;
}

// A line for each entry. What a reason says may come from anywhere, so that it may not be UTF-8.
std::string text_of(const Json& json) {
  std::vector<std::string> lines;
  for (const auto& [name, value] : json.items()) {
    lines.push_back(
        absl::StrCat("  ", json_quote(name), ": ",
                     value.dump(-1, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace)));
  }
  return absl::StrCat("{\n", absl::StrJoin(lines, ",\n"), "\n}\n");
}

// Throws what nlohmann throws when an entry is missing or of another type.
SavedStep step_of(const Json& json, std::vector<std::string>& batch_tensors) {
  SavedStep step;
  json.at("reason").get_to(step.reason);
  json.at("epoch").get_to(step.epoch);
  json.at("batch").get_to(step.batch);
  json.at("batch_in_epoch").get_to(step.batch_in_epoch);
  if (const Json& indices = json.at("indices"); !indices.is_null()) {
    step.indices = indices.get<std::vector<int64_t>>();
  }
  for (const auto& [name, value] : json.at("loss").items()) {
    step.loss.emplace_back(name, number_of(value));
  }
  json.at("parameters").get_to(step.parameters);
  json.at("learning_rates").get_to(step.learning_rates);
  json.at("threads").get_to(step.threads);
  if (const Json& length = json.at("dataloader_length"); !length.is_null()) {
    step.dataloader_length = length.get<int64_t>();
  }
  json.at("batch_tensors").get_to(batch_tensors);
  return step;
}

absl::Status write_files(const std::string& folder, const SavedStep& step) {
  if (!step.config_text.empty()) {
    COMPOSER_RETURN_IF_ERROR(write_file_atomically(config_path_of(folder), step.config_text));
  }
  COMPOSER_RETURN_IF_ERROR(write_state_file(state_path(folder), step.state));
  COMPOSER_RETURN_IF_ERROR(
      write_safetensors(batch_path(folder), NamedTensors(step.data.begin(), step.data.end())));
  return write_file_atomically(step_path(folder), text_of(json_of(step)));
}

}  // namespace

std::vector<std::pair<std::string, double>> values_of(const Loss& loss) {
  std::vector<std::pair<std::string, double>> values;
  for (const auto& [name, term] : loss.terms()) {
    values.emplace_back(name, Loss(term).total().item<double>());
  }
  return values;
}

std::string config_path_of(const std::string& folder) { return folder + "/config.textproto"; }

absl::Status write_saved_step(const std::string& folder, const SavedStep& step) {
  const std::string temporary = folder + ".tmp";
  std::error_code error;
  fs::remove_all(temporary, error);
  fs::create_directories(temporary, error);
  if (error) return system_error("make the folder", temporary, error);
  absl::Status status = write_files(temporary, step);
  if (status.ok()) {
    fs::remove_all(folder, error);
    if (!error) fs::rename(temporary, folder, error);
    if (error) status = system_error("make the folder", folder, error);
  }
  if (!status.ok()) fs::remove_all(temporary, error);
  return status;
}

absl::StatusOr<SavedStep> read_saved_step(const std::string& folder) {
  std::error_code error;
  if (!fs::is_directory(folder, error)) {
    return absl::NotFoundError(absl::StrCat(folder, " is no folder"));
  }
  const std::string path = step_path(folder);
  std::ifstream file(path);
  if (!file) {
    return absl::NotFoundError(absl::StrCat(
        folder, " has no step.json: it is not the folder of a saved step, RUN/bad_steps/ba12"));
  }
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  SavedStep step;
  std::vector<std::string> names;
  try {
    step = step_of(Json::parse(text), names);
  } catch (const Json::exception& exception) {
    return absl::DataLossError(absl::StrCat(path, ": ", exception.what()));
  }
  COMPOSER_ASSIGN_OR_RETURN(SafetensorsFile batch, read_safetensors(batch_path(folder)));
  std::map<std::string, at::Tensor> tensors(batch.tensors.begin(), batch.tensors.end());
  for (const std::string& name : names) {
    const auto tensor = tensors.find(name);
    if (tensor == tensors.end()) {
      return absl::DataLossError(
          absl::StrCat(batch_path(folder), " has no tensor ", json_quote(name)));
    }
    step.data.set(name, tensor->second);
  }
  COMPOSER_ASSIGN_OR_RETURN(step.state, read_state_file(state_path(folder)));
  std::ifstream config(config_path_of(folder));
  step.config_text.assign(std::istreambuf_iterator<char>(config), std::istreambuf_iterator<char>());
  return step;
}

}  // namespace composer

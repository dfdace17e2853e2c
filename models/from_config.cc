#include "models/from_config.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "composer/base/status.h"
#include "composer/config/build_chosen.h"
#include "composer/core/model.h"
#include "composer/core/registries.h"
#include "google/protobuf/io/tokenizer.h"
#include "google/protobuf/text_format.h"
#include "proto/model.pb.h"

namespace composer {
namespace {

// Collects what protobuf would print.
class Errors : public google::protobuf::io::ErrorCollector {
 public:
  void AddError(int line, google::protobuf::io::ColumnNumber column,
                const std::string& message) override {
    absl::StrAppend(&text_, text_.empty() ? "" : "; ", line + 1, ":", column + 1, ": ", message);
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

}  // namespace

absl::StatusOr<std::shared_ptr<ComposerModel>> build_model(const config::Model& config) {
  return build_chosen<ComposerModel>(config);
}

absl::StatusOr<std::shared_ptr<ComposerModel>> build_model(absl::string_view name,
                                                           absl::string_view settings) {
  COMPOSER_ASSIGN_OR_RETURN(const Registry<ComposerModel>::Item* item,
                            Registry<ComposerModel>::global().find(name));
  const std::unique_ptr<google::protobuf::Message> config(
      google::protobuf::MessageFactory::generated_factory()->GetPrototype(item->config)->New());
  Errors errors;
  google::protobuf::TextFormat::Parser parser;
  parser.RecordErrorsTo(&errors);
  if (!parser.ParseFromString(std::string(settings), config.get())) {
    return absl::InvalidArgumentError(absl::StrCat("the settings of ", name, ": ", errors.text()));
  }
  return item->create(*config);
}

}  // namespace composer

#include "tests/data/sources/dataset_from_text.h"

#include <gtest/gtest.h>

#include <numeric>

#include "absl/strings/match.h"
#include "composer/base/exceptions.h"
#include "composer/base/status.h"
#include "composer/data/from_config.h"
#include "google/protobuf/text_format.h"
#include "proto/dataset.pb.h"

namespace composer {

absl::StatusOr<std::shared_ptr<Dataset>> dataset_from(const std::string& text) {
  config::Dataset config;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &config)) << text;
  return build_dataset(config);
}

void expect_refused(const std::string& text, const std::string& field,
                    const std::vector<std::string>& parts) {
  const absl::Status status = dataset_from(text).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status << "\n" << text;
  EXPECT_EQ(field_of(status), field) << status << "\n" << text;
  for (const std::string& part : parts) {
    EXPECT_TRUE(absl::StrContains(status.message(), part)) << status << " lacks " << part;
  }
}

void expect_broken(const Dataset& dataset, int64_t index, const std::vector<std::string>& parts) {
  try {
    dataset.get(index);
    ADD_FAILURE() << "sample " << index << " was read";
  } catch (const StatusError& error) {
    EXPECT_EQ(error.status().code(), absl::StatusCode::kDataLoss) << error.status();
    for (const std::string& part : parts) {
      EXPECT_TRUE(absl::StrContains(error.status().message(), part))
          << error.status() << " lacks " << part;
    }
  }
}

Batch all_of(const Dataset& dataset) {
  std::vector<int64_t> indices(dataset.size());
  std::iota(indices.begin(), indices.end(), 0);
  return dataset.get_batch(indices);
}

}  // namespace composer

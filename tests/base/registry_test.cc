#include "composer/base/registry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "google/protobuf/any.pb.h"
#include "google/protobuf/duration.pb.h"
#include "google/protobuf/timestamp.pb.h"

namespace composer {

struct Clock {
  int64_t seconds;
};

template <>
struct RegistryTraits<Clock> {
  static absl::string_view kind() { return "clock"; }
  using Factory =
      std::function<absl::StatusOr<std::unique_ptr<Clock>>(const google::protobuf::Message&, int)>;
};

namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

struct DurationClock {
  using Config = google::protobuf::Duration;
  static absl::StatusOr<std::unique_ptr<Clock>> create(const Config& config, int offset) {
    return std::make_unique<Clock>(Clock{config.seconds() + offset});
  }
};
COMPOSER_REGISTER(Clock, DurationClock);

struct TimestampClock {
  using Config = google::protobuf::Timestamp;
  static absl::StatusOr<std::unique_ptr<Clock>> create(const Config& config, int) {
    return absl::InvalidArgumentError("stopped");
  }
};
COMPOSER_REGISTER(Clock, TimestampClock);

TEST(Registry, BuildsWhatIsRegisteredForAMessage) {
  const auto item = Registry<Clock>::global().find("google.protobuf.Duration");
  ASSERT_TRUE(item.ok()) << item.status();
  google::protobuf::Duration config;
  config.set_seconds(40);
  EXPECT_EQ((*(*item)->create(config, 2))->seconds, 42);
  EXPECT_THAT((*item)->file, HasSubstr("registry_test.cc"));
  EXPECT_EQ((*item)->config, google::protobuf::Duration::descriptor());
}

TEST(Registry, PassesOnWhyAnItemCannotBeMade) {
  const auto item = Registry<Clock>::global().find("google.protobuf.Timestamp");
  EXPECT_EQ((*item)->create(google::protobuf::Timestamp(), 0).status(),
            absl::InvalidArgumentError("stopped"));
}

TEST(Registry, FindsByTheShortName) {
  EXPECT_EQ(*Registry<Clock>::global().find("Duration"),
            *Registry<Clock>::global().find("google.protobuf.Duration"));
}

TEST(Registry, ListsNamesInOrder) {
  EXPECT_THAT(Registry<Clock>::global().names(),
              ElementsAre("google.protobuf.Duration", "google.protobuf.Timestamp"));
}

TEST(Registry, SaysWhatIsKnownWhenNothingIsFound) {
  const absl::Status status = Registry<Clock>::global().find("Any").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(status.message(), HasSubstr("no clock is registered for Any"));
  EXPECT_THAT(status.message(), HasSubstr("google.protobuf.Duration, google.protobuf.Timestamp"));
}

TEST(RegistryDeathTest, TwoItemsUnderOneNameEndTheProcessAndNameBothFiles) {
  Registry<Clock> registry;
  const auto create = [](const google::protobuf::Message&, int) {
    return absl::StatusOr<std::unique_ptr<Clock>>(absl::UnimplementedError(""));
  };
  registry.add(google::protobuf::Any::descriptor(), "one.cc", create);
  EXPECT_DEATH(registry.add(google::protobuf::Any::descriptor(), "other.cc", create),
               "clock google.protobuf.Any is registered by both one.cc and other.cc");
}

}  // namespace
}  // namespace composer

#include "algorithms/seq_length_warmup.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "composer/base/status.h"
#include "composer/core/logger.h"
#include "composer/core/state.h"
#include "proto/algorithm.pb.h"
#include "tests/algorithms/golden.h"
#include "tests/algorithms/matchers.h"

namespace composer {
namespace {

using testing::golden;
using ::testing::HasSubstr;
using testing::IsExactly;

Batch golden_batch(const std::string& prefix) {
  return {{"input_ids", golden(prefix + "/input_ids")},
          {"attention_mask", golden(prefix + "/attention_mask")}};
}

void expect_same(const Batch& batch, const Batch& expected) {
  for (const auto& [name, tensor] : expected)
    EXPECT_THAT(batch.at(name), IsExactly(tensor)) << name;
}

TEST(SetBatchSequenceLength, GivesComposersBatches) {
  const Batch batch = golden_batch("sequences");
  expect_same(set_batch_sequence_length(batch, 4), golden_batch("sequences/truncated"));
  expect_same(set_batch_sequence_length(batch, 4, true, true), golden_batch("sequences/end"));
  expect_same(set_batch_sequence_length(batch, 4, false), golden_batch("sequences/reshaped"));
  expect_same(batch, golden_batch("sequences"));
}

TEST(SetBatchSequenceLength, LeavesShortSequencesAlone) {
  const Batch batch = golden_batch("sequences");
  for (const bool truncate : {true, false}) {
    const Batch same = set_batch_sequence_length(batch, 10, truncate);
    EXPECT_TRUE(same.at("input_ids").is_same(batch.at("input_ids")));
  }
}

TEST(SetBatchSequenceLength, CutsVectorsOfTokensAndLeavesOneValueForEachSample) {
  Batch batch = golden_batch("sequences");
  const at::Tensor vectors = at::arange(60).reshape({3, 10, 2}), classes = at::arange(3);
  batch.set("vectors", vectors);
  batch.set("classes", classes);
  const Batch cut = set_batch_sequence_length(batch, 4, true, true);
  EXPECT_TRUE(cut.at("classes").is_same(classes));
  EXPECT_EQ(cut.at("vectors").sizes(), (std::vector<int64_t>{3, 4, 2}));
  EXPECT_THAT(cut.at("vectors")[0][3], IsExactly(vectors[0][9]));
  EXPECT_THAT(cut.at("vectors")[1][3], IsExactly(vectors[1][6]));
  EXPECT_THAT(cut.at("vectors")[2][3], IsExactly(vectors[2][3]));
}

TEST(SetBatchSequenceLength, SaysWhatItCannotDo) {
  const auto message = [](const Batch& batch, bool truncate, bool preserve) -> std::string {
    try {
      set_batch_sequence_length(batch, 2, truncate, preserve);
    } catch (const c10::ValueError& error) {
      return error.what();
    }
    return "nothing was thrown";
  };
  const at::Tensor ids = at::zeros({2, 4}, at::kLong);
  EXPECT_THAT(message({{"input", ids}}, true, false), HasSubstr("expected a batch with input_ids"));
  EXPECT_THAT(message({{"input_ids", ids}}, true, true), HasSubstr("attention_mask"));
  EXPECT_THAT(message({{"input_ids", ids}, {"target", at::zeros({2})}}, false, false),
              HasSubstr("\"target\" of shape [2] cannot be made into more sequences"));
}

TEST(WarmupSequenceLength, GrowsAsComposersDoes) {
  const at::Tensor schedule = golden("sequences/schedule");
  for (int64_t i = 0; i < schedule.size(0); ++i) {
    const auto* row = schedule[i].const_data_ptr<double>();
    const SeqLengthWarmupOptions options{.duration = row[1],
                                         .min_seq_length = static_cast<int64_t>(row[2]),
                                         .max_seq_length = static_cast<int64_t>(row[3]),
                                         .step_size = static_cast<int64_t>(row[4])};
    EXPECT_EQ(warmup_sequence_length(row[0] / 100, options), static_cast<int64_t>(row[5]))
        << "row " << i;
  }
}

TEST(WarmupSequenceLength, KnowsWarmUpsWithoutDurationAndWithoutSteps) {
  EXPECT_EQ(warmup_sequence_length(0, {.duration = 0}), 1024);
  const SeqLengthWarmupOptions options{.min_seq_length = 10, .max_seq_length = 15};
  EXPECT_EQ(warmup_sequence_length(0.2, options), 10);
  EXPECT_EQ(warmup_sequence_length(0.3, options), 15);
}

TEST(SeqLengthWarmup, ActsByHowFarTrainingIs) {
  SeqLengthWarmup algorithm(
      {.duration = 0.5, .min_seq_length = 2, .max_seq_length = 6, .step_size = 2});
  Logger logger;
  State state;
  state.max_duration = *Time::parse("80tok");
  for (const auto& [token, length] :
       {std::pair(0, 2), {19, 2}, {20, 4}, {39, 4}, {40, 6}, {79, 6}}) {
    state.timestamp.token = token;
    state.batch = {{"input_ids", at::zeros({2, 10}, at::kLong)}};
    ASSERT_TRUE(algorithm.match(Event::kAfterDataloader, state));
    algorithm.apply(Event::kAfterDataloader, state, logger);
    EXPECT_EQ(state.batch.at("input_ids").size(1), length) << token;
  }
}

TEST(SeqLengthWarmup, IsMadeFromItsConfigWithTheSameDefaultsAndChecksIt) {
  const SeqLengthWarmupOptions defaults;
  config::SeqLengthWarmup config;
  EXPECT_EQ(config.duration(), defaults.duration);
  EXPECT_EQ(config.min_seq_length(), defaults.min_seq_length);
  EXPECT_EQ(config.max_seq_length(), defaults.max_seq_length);
  EXPECT_EQ(config.step_size(), defaults.step_size);
  EXPECT_EQ(config.truncate(), defaults.truncate);
  EXPECT_EQ(config.preserve_end_of_sequence(), defaults.preserve_end_of_sequence);
  EXPECT_TRUE(SeqLengthWarmup::create(config).ok());
  config.set_max_seq_length(4);
  EXPECT_EQ(field_of(SeqLengthWarmup::create(config).status()), "max_seq_length");
  config.set_min_seq_length(0);
  EXPECT_EQ(field_of(SeqLengthWarmup::create(config).status()), "min_seq_length");
  config.set_duration(2);
  EXPECT_EQ(field_of(SeqLengthWarmup::create(config).status()), "duration");
  config::SeqLengthWarmup no_step;
  no_step.set_step_size(0);
  EXPECT_EQ(field_of(SeqLengthWarmup::create(no_step).status()), "step_size");
}

}  // namespace
}  // namespace composer

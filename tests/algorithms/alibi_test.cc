#include "algorithms/alibi.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "composer/base/status.h"
#include "composer/core/logger.h"
#include "composer/core/model.h"
#include "composer/core/state.h"
#include "models/bert_layers.h"
#include "models/gpt2_layers.h"
#include "proto/algorithm.pb.h"
#include "tests/algorithms/matchers.h"
#include "tests/testing/golden.h"
#include "tests/testing/tiny.h"

namespace composer {
namespace {

using ::testing::HasSubstr;
using testing::IsExactly;
using testing::IsNear;

at::Tensor golden(const std::string& name) {
  static const TensorDict tensors =
      testing::read_golden("tests/golden/algorithms/transformer_methods.txt");
  return tensors.at("alibi/" + name).clone();
}

TEST(AlibiSlopes, AreComposersForAnyNumberOfHeads) {
  for (const int64_t heads : {1, 2, 3, 4, 5, 6, 7, 8, 11, 12, 16, 20}) {
    EXPECT_THAT(alibi_slopes(heads), IsNear(golden(absl::StrCat("slopes/", heads)), 1e-7)) << heads;
  }
  EXPECT_THROW(alibi_slopes(0), c10::ValueError);
}

TEST(AlibiSlopes, GiveComposersBiases) {
  LinearBiases biases(alibi_slopes(6));
  const at::Tensor query = at::zeros({1, 6, 7, 2});
  EXPECT_THAT(biases.of(query, /*causal=*/false), IsNear(golden("bidirectional"), 1e-6));
  // Composer's are shifted in each row, and leave the mask to the model.
  const at::Tensor causal = biases.of(query, /*causal=*/true);
  const at::Tensor shifted =
      golden("causal") - alibi_slopes(6).view({6, 1, 1}) * at::arange(7).view({1, 7, 1});
  EXPECT_THAT(causal[0].tril(), IsNear(shifted.tril(), 1e-6));
  EXPECT_LT(causal.masked_select(at::ones({7, 7}, at::kBool).triu(1)).max().item<float>(), -1e30);
}

void set(torch::nn::Module& module, const std::string& name, const at::Tensor& value) {
  const at::NoGradGuard no_grad;
  module.named_parameters()[name].copy_(value);
}

TEST(ApplyAlibi, CausalAttentionGivesTheOutputOfComposersAndOfThePapers) {
  const auto attention = std::make_shared<Gpt2Attention>(Gpt2Options{.n_embd = 8, .n_head = 2});
  const auto joined = [](const char* kind) {
    return at::cat({golden(absl::StrCat("query.", kind)), golden(absl::StrCat("key.", kind)),
                    golden(absl::StrCat("value.", kind))});
  };
  set(*attention, "c_attn.weight", joined("weight").t());
  set(*attention, "c_attn.bias", joined("bias"));
  set(*attention, "c_proj.weight", golden("out.weight").t());
  set(*attention, "c_proj.bias", golden("out.bias"));
  attention->eval();
  const at::Tensor input = golden("input");
  EXPECT_FALSE(at::allclose(attention->forward(input, {}), golden("gpt2/plain"), 1e-3, 1e-3));
  EXPECT_EQ(apply_alibi(*attention, 6), 1);
  EXPECT_THAT(attention->forward(input, {}), IsNear(golden("gpt2/plain"), 1e-6));
  EXPECT_THAT(attention->forward(input, attention_mask(golden("mask"), /*causal=*/true)),
              IsNear(golden("gpt2/masked"), 1e-6));
}

TEST(ApplyAlibi, BidirectionalAttentionGivesTheOutputOfComposersAndOfThePapers) {
  const auto attention =
      std::make_shared<BertSelfAttention>(BertOptions{.hidden_size = 8, .num_attention_heads = 2});
  for (const char* name :
       {"query.weight", "query.bias", "key.weight", "key.bias", "value.weight", "value.bias"}) {
    set(*attention, name, golden(name));
  }
  attention->eval();
  const at::Tensor input = golden("input");
  EXPECT_EQ(apply_alibi(*attention, 6), 1);
  EXPECT_THAT(attention->forward(input, {}), IsNear(golden("bert/plain"), 1e-6));
  EXPECT_THAT(attention->forward(input, attention_mask(golden("mask"), /*causal=*/false)),
              IsNear(golden("bert/masked"), 1e-6));
}

std::shared_ptr<Gpt2Transformer> small_gpt2() {
  return std::make_shared<Gpt2Transformer>(
      Gpt2Options{.vocab_size = 13, .n_positions = 10, .n_embd = 6, .n_layer = 2, .n_head = 3});
}

TEST(ApplyAlibi, PositionsAreZeroFrozenAndAsManyAsAskedFor) {
  const auto model = small_gpt2();
  const auto names = model->named_parameters().keys();
  EXPECT_EQ(apply_alibi(*model, 16), 2);
  const auto parameters = model->named_parameters();
  EXPECT_EQ(parameters.keys(), names);
  EXPECT_THAT(parameters["wpe.weight"].detach(), IsExactly(at::zeros({16, 6})));
  EXPECT_FALSE(parameters["wpe.weight"].requires_grad());
  EXPECT_TRUE(parameters["wte.weight"].requires_grad());
  EXPECT_EQ(model->forward(at::zeros({2, 16}, at::kLong), {}).size(1), 16);
  EXPECT_THROW(model->forward(at::zeros({2, 17}, at::kLong), {}), c10::ValueError);

  const auto shorter = small_gpt2();
  apply_alibi(*shorter, 4);
  EXPECT_THROW(shorter->forward(at::zeros({2, 5}, at::kLong), {}), c10::ValueError);
}

TEST(ApplyAlibi, ASecondApplicationChangesNothing) {
  const auto model = small_gpt2();
  apply_alibi(*model, 16);
  EXPECT_EQ(apply_alibi(*model, 32), 0);
  EXPECT_EQ(model->max_positions(), 16);
  EXPECT_EQ(model->named_parameters()["wpe.weight"].size(0), 16);
}

TEST(ApplyAlibi, AModelWithoutAttentionStaysAsItIs) {
  const auto model = std::make_shared<testing::TinyModel>();
  EXPECT_EQ(apply_alibi(*model, 16), 0);
}

std::string message(const Batch& batch, double scaling) {
  try {
    scale_sequence_length(batch, scaling);
  } catch (const c10::ValueError& error) {
    return error.what();
  }
  return "nothing was thrown";
}

TEST(ScaleSequenceLength, MakesMoreSequencesOfTheSameTokens) {
  const at::Tensor tokens = at::arange(16).view({2, 8}), vectors = at::randn({2, 8, 3});
  const Batch batch = {{"input_ids", tokens}, {"vectors", vectors}, {"scale", at::ones({})}};
  const Batch quarter = scale_sequence_length(batch, 0.25);
  EXPECT_THAT(quarter.at("input_ids"), IsExactly(tokens.view({8, 2})));
  EXPECT_THAT(quarter.at("vectors"), IsExactly(vectors.view({8, 2, 3})));
  EXPECT_EQ(quarter.at("scale").dim(), 0);
  EXPECT_THAT(scale_sequence_length(batch, 2).at("input_ids"), IsExactly(tokens.view({1, 16})));
  EXPECT_TRUE(scale_sequence_length(batch, 1).at("input_ids").is_same(tokens));
  // A third is no exact number.
  const Batch nine = {{"input_ids", at::arange(18).view({2, 9})}};
  EXPECT_EQ(scale_sequence_length(nine, 1.0 / 3).at("input_ids").size(0), 6);
}

TEST(ScaleSequenceLength, SaysWhatItCannotDo) {
  const auto tokens = [](int64_t rows, int64_t length) {
    return Batch{{"input_ids", at::zeros({rows, length}, at::kLong)}};
  };
  EXPECT_THAT(message(tokens(2, 6), 0.25), HasSubstr("of 6 tokens cannot become 1.5 tokens long"));
  EXPECT_THAT(message(tokens(2, 1), 0.25), HasSubstr("cannot become 0.25 tokens long"));
  EXPECT_THAT(message(tokens(3, 4), 2),
              HasSubstr("3 sequences of 4 tokens cannot be cut into sequences of 8"));
  EXPECT_THAT(message({{"input", at::zeros({2, 4})}}, 0.5), HasSubstr("a batch with input_ids"));
  Batch classes = tokens(2, 4);
  classes.set("labels", at::zeros({2}, at::kLong));
  EXPECT_THAT(message(classes, 0.5), HasSubstr("\"labels\" of shape [2] cannot be cut"));
}

class AttentionModel final : public testing::TinyModel {
 public:
  AttentionModel() { register_module("transformer", small_gpt2()); }
};

TEST(AlibiTest, ChangesTheModelAtInitAndThenBatches) {
  State state;
  state.model = std::make_shared<AttentionModel>();
  Logger logger;
  Alibi algorithm({.max_sequence_length = 16}, /*must_match=*/true);
  EXPECT_FALSE(algorithm.match(Event::kAfterDataloader, state));
  ASSERT_TRUE(algorithm.match(Event::kInit, state));
  algorithm.apply(Event::kInit, state, logger);
  EXPECT_EQ(apply_alibi(*state.model, 16), 0);
  state.batch = {{"input_ids", at::zeros({2, 8}, at::kLong)}};
  ASSERT_TRUE(algorithm.match(Event::kAfterDataloader, state));
  algorithm.apply(Event::kAfterDataloader, state, logger);
  EXPECT_EQ(state.batch.at("input_ids").sizes(), (std::vector<int64_t>{8, 2}));

  // A second trainer of the model goes on with it.
  Alibi second({.max_sequence_length = 16});
  second.apply(Event::kInit, state, logger);
  EXPECT_TRUE(second.match(Event::kAfterDataloader, state));
  Alibi unscaled({.max_sequence_length = 16, .train_sequence_length_scaling = 1});
  unscaled.apply(Event::kInit, state, logger);
  EXPECT_FALSE(unscaled.match(Event::kAfterDataloader, state));
}

TEST(AlibiTest, AModelWithoutAttentionIsAWarningOrAnErrorAndItsBatchesStay) {
  State state;
  state.model = std::make_shared<testing::TinyModel>();
  Logger logger;
  Alibi algorithm({.max_sequence_length = 16});
  algorithm.apply(Event::kInit, state, logger);
  EXPECT_FALSE(algorithm.match(Event::kAfterDataloader, state));
  Alibi strict({.max_sequence_length = 16}, /*must_match=*/true);
  try {
    strict.apply(Event::kInit, state, logger);
    FAIL() << "nothing was thrown";
  } catch (const c10::ValueError& error) {
    EXPECT_THAT(error.what(), HasSubstr("Alibi has no effect: the model has no attention layers"));
  }
}

TEST(AlibiTest, IsMadeFromItsConfigAndChecksIt) {
  config::Alibi config;
  EXPECT_EQ(field_of(Alibi::create(config).status()), "max_sequence_length");
  config.set_max_sequence_length(8);
  EXPECT_TRUE(Alibi::create(config).ok());
  EXPECT_EQ(config.train_sequence_length_scaling(), AlibiOptions().train_sequence_length_scaling);
  config.set_train_sequence_length_scaling(0);
  EXPECT_EQ(field_of(Alibi::create(config).status()), "train_sequence_length_scaling");
}

}  // namespace
}  // namespace composer

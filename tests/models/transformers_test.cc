// GPT-2 and BERT against Hugging Face's, the vision transformer against timm's.

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/nn/modules/linear.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "composer/base/status.h"
#include "composer/checkpoint/weights.h"
#include "composer/nn/activation_checkpoint.h"
#include "models/bert.h"
#include "models/from_config.h"
#include "models/gpt2.h"
#include "models/vit.h"
#include "tests/testing/golden.h"

namespace composer {
namespace {

using testing::relative_error;

const TensorDict& golden() {
  at::set_num_threads(1);
  static const TensorDict tensors = testing::read_golden("tests/golden/models/transformers.txt");
  return tensors;
}

const nlohmann::json& huggingface_configs() {
  static const nlohmann::json configs =
      nlohmann::json::parse(std::ifstream("tests/golden/models/huggingface_configs.txt"));
  return configs;
}

std::string weights_file(const std::string& name) {
  return "tests/golden/models/transformers_" + name + ".safetensors";
}

Gpt2Options small_gpt2() {
  return {.vocab_size = 13,
          .n_positions = 10,
          .n_embd = 8,
          .n_layer = 2,
          .n_head = 2,
          .n_inner = 20,
          .resid_pdrop = 0,
          .embd_pdrop = 0,
          .attn_pdrop = 0};
}

BertOptions small_bert() {
  return {.num_labels = 3,
          .vocab_size = 13,
          .hidden_size = 8,
          .num_hidden_layers = 2,
          .num_attention_heads = 2,
          .intermediate_size = 12,
          .hidden_dropout_prob = 0,
          .attention_probs_dropout_prob = 0,
          .max_position_embeddings = 9};
}

VitOptions small_vit() {
  return {.image_size = 8,
          .patch_size = 4,
          .num_classes = 5,
          .embed_dim = 8,
          .depth = 2,
          .num_heads = 2,
          .mlp_ratio = 2};
}

template <typename Model, typename Options>
std::shared_ptr<Model> loaded(const Options& options, const std::string& name) {
  auto model = std::make_shared<Model>(options);
  const absl::Status status = load_weights(*model, weights_file(name));
  EXPECT_TRUE(status.ok()) << status;
  return model;
}

// Each tensor once, as Python counts.
double gradient_norm(const torch::nn::Module& model) {
  std::set<const void*> seen;
  double squares = 0;
  for (const at::Tensor& parameter : model.parameters()) {
    if (!parameter.grad().defined() || !seen.insert(parameter.unsafeGetTensorImpl()).second) {
      continue;
    }
    squares += parameter.grad().to(at::kDouble).pow(2).sum().item<double>();
  }
  return std::sqrt(squares);
}

void expect_loss_and_gradient(ComposerModel& model, const Batch& batch, const std::string& loss,
                              const std::string& norm) {
  model.train();
  model.zero_grad();
  const at::Tensor total = model.loss(model.forward(batch), batch).total();
  EXPECT_LT(relative_error(total, golden().at(loss)), 1e-5);
  total.backward();
  EXPECT_NEAR(gradient_norm(model), golden().at(norm).item<double>(), 2e-5);
}

at::Tensor logits_of(ComposerModel& model, const Batch& batch) {
  model.eval();
  return model.forward(batch).at("logits").detach();
}

std::set<std::string> names_in(const std::string& path) {
  std::set<std::string> names;
  const auto file = read_safetensors(path);
  EXPECT_TRUE(file.ok()) << file.status();
  for (const auto& [name, tensor] : file->tensors) names.insert(name);
  return names;
}

// The files that Hugging Face's loaders ask for; make_transformers.py FOLDER tries them.
std::string write_folder(const ComposerModel& model, const std::string& name) {
  const std::string folder = ::testing::TempDir() + "/" + name;
  std::filesystem::create_directories(folder);
  std::ofstream(folder + "/config.json") << model.huggingface_config();
  const absl::Status status = save_weights(model, folder + "/model.safetensors");
  EXPECT_TRUE(status.ok()) << status;
  return folder + "/model.safetensors";
}

void expect_huggingface_config(const ComposerModel& model, const std::string& name) {
  const nlohmann::json expected = huggingface_configs().at(name);
  const nlohmann::json actual = nlohmann::json::parse(model.huggingface_config());
  EXPECT_GT(actual.size(), 15);
  for (const auto& [key, value] : actual.items()) EXPECT_EQ(value, expected.at(key)) << key;
}

std::string field_error_of(const std::string& name, const std::string& settings) {
  const absl::Status status = build_model(name, settings).status();
  return absl::StrCat(field_of(status), ": ", status.message());
}

Batch gpt2_batch(bool with_mask) {
  Batch batch = {{"input_ids", golden().at("gpt2/input_ids")},
                 {"labels", golden().at(with_mask ? "gpt2/labels" : "gpt2/input_ids")}};
  if (with_mask) batch.set("attention_mask", golden().at("gpt2/attention_mask"));
  return batch;
}

TEST(Gpt2Test, ComputesHuggingFacesLogits) {
  const auto model = loaded<Gpt2>(small_gpt2(), "gpt2");
  EXPECT_LT(relative_error(logits_of(*model, gpt2_batch(false)), golden().at("gpt2/logits")), 1e-5);
  const at::Tensor counts = golden().at("gpt2/attention_mask").ne(0);
  const at::Tensor masked = logits_of(*model, gpt2_batch(true));
  EXPECT_LT(
      relative_error(masked.index({counts}), golden().at("gpt2/masked_logits").index({counts})),
      1e-5);
  EXPECT_TRUE(masked.isfinite().all().item<bool>());
}

TEST(Gpt2Test, LossAndGradientAreHuggingFaces) {
  const auto model = loaded<Gpt2>(small_gpt2(), "gpt2");
  expect_loss_and_gradient(*model, gpt2_batch(true), "gpt2/loss", "gpt2/gradient_norm");
  expect_loss_and_gradient(*model, gpt2_batch(false), "gpt2/plain_loss",
                           "gpt2/plain_gradient_norm");
}

TEST(Gpt2Test, LossOfSamplesAndTokensAreOfTheLabelsThatCount) {
  const auto model = loaded<Gpt2>(small_gpt2(), "gpt2");
  const Batch batch = gpt2_batch(true);
  const Outputs outputs = model->forward(batch);
  const at::Tensor counts = golden().at("gpt2/labels").slice(1, 1).ne(-100).sum(1);
  EXPECT_EQ(model->num_loss_tokens(batch), counts.sum().item<int64_t>());
  const at::Tensor weighted =
      (model->per_sample_loss(outputs, batch) * counts).sum() / counts.sum();
  EXPECT_LT(relative_error(weighted, golden().at("gpt2/loss")), 1e-5);
}

TEST(Gpt2Test, MetricsAreOfTheNextTokens) {
  const auto model = loaded<Gpt2>(small_gpt2(), "gpt2");
  model->eval();
  const Batch batch = gpt2_batch(true);
  const Outputs outputs = model->forward(batch);
  MetricCollection metrics = model->metrics(/*is_train=*/false);
  for (auto& [name, metric] : metrics) model->update_metric(*metric, outputs, batch);
  const MetricValues values = metrics.compute();
  const double loss = golden().at("gpt2/loss").item<double>();
  ASSERT_EQ(values.size(), 3);
  EXPECT_NEAR(values[0].second, loss, 1e-5);
  EXPECT_EQ(values[1].first, "perplexity");
  EXPECT_NEAR(values[1].second, std::exp(loss), 1e-4);
  EXPECT_EQ(model->metrics(/*is_train=*/true).size(), 0);
}

TEST(Gpt2Test, WeightsWithTheTiedOneAndOldMasksAreTaken) {
  auto file = read_module_weights(weights_file("gpt2"));
  ASSERT_TRUE(file.ok()) << file.status();
  Gpt2 model(small_gpt2());
  at::Tensor words;
  for (const auto& [name, tensor] : *file) {
    if (name == "transformer.wte.weight") words = tensor;
  }
  file->emplace_back("lm_head.weight", words);
  file->emplace_back("transformer.h.0.attn.bias", at::ones({1, 1, 10, 10}));
  file->emplace_back("transformer.h.1.attn.masked_bias", at::full({}, -1e4));
  const absl::Status status = load_weights(model, *file);
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_LT(relative_error(logits_of(model, gpt2_batch(false)), golden().at("gpt2/logits")), 1e-5);
  file->emplace_back("transformer.h.0.attn.c_bias", at::ones({1}));
  EXPECT_FALSE(load_weights(model, *file).ok());
}

TEST(Gpt2Test, WeightsOfTheTransformerAloneAreTakenByRenaming) {
  auto file = read_module_weights(weights_file("gpt2"));
  ASSERT_TRUE(file.ok()) << file.status();
  for (auto& [name, tensor] : *file) name = name.substr(std::string("transformer.").size());
  file->emplace_back("h.0.attn.bias", at::ones({1, 1, 10, 10}));
  Gpt2 model(small_gpt2());
  const auto report = load_weights(model, *file, {.names = {.rename = {{"^", "transformer."}}}});
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->left_out, std::vector<std::string>{"transformer.h.0.attn.bias"});
  EXPECT_LT(relative_error(logits_of(model, gpt2_batch(false)), golden().at("gpt2/logits")), 1e-5);
}

TEST(Gpt2Test, WrittenWeightsHaveHuggingFacesNames) {
  const auto model = loaded<Gpt2>(small_gpt2(), "gpt2");
  const std::string written = write_folder(*model, "gpt2");
  std::set<std::string> expected = names_in(weights_file("gpt2"));
  expected.insert("lm_head.weight");
  EXPECT_EQ(names_in(written), expected);
  Gpt2 again(small_gpt2());
  ASSERT_TRUE(load_weights(again, written).ok());
  EXPECT_LT(relative_error(logits_of(again, gpt2_batch(false)), golden().at("gpt2/logits")), 1e-5);
}

TEST(Gpt2Test, StartsAsHuggingFaces) {
  at::manual_seed(4);
  Gpt2Options options = small_gpt2();
  options.vocab_size = 500;
  options.n_embd = 64;
  options.n_layer = 8;
  const Gpt2 model(options);
  const auto parameters = model.named_parameters();
  const auto deviation = [&](const char* name) { return parameters[name].std().item<double>(); };
  EXPECT_NEAR(deviation("transformer.wte.weight"), 0.02, 3e-4);
  EXPECT_NEAR(deviation("transformer.h.3.attn.c_attn.weight"), 0.02, 5e-4);
  EXPECT_NEAR(deviation("transformer.h.3.attn.c_proj.weight"), 0.005, 2e-4);
  EXPECT_NEAR(deviation("transformer.h.7.mlp.c_proj.weight"), 0.005, 5e-4);
  EXPECT_EQ(parameters["transformer.h.0.mlp.c_fc.bias"].abs().max().item<double>(), 0);
  EXPECT_EQ(parameters["transformer.ln_f.weight"].min().item<double>(), 1);
  EXPECT_TRUE(parameters["lm_head.weight"].is_same(parameters["transformer.wte.weight"]));
  options.tie_word_embeddings = false;
  EXPECT_FALSE(Gpt2(options).named_parameters()["lm_head.weight"].equal(
      Gpt2(options).named_parameters()["transformer.wte.weight"]));
}

TEST(Gpt2Test, EachDropoutActsInTrainingAlone) {
  for (const char* field : {"resid_pdrop", "embd_pdrop", "attn_pdrop"}) {
    std::string settings =
        "vocab_size: 13 n_positions: 10 n_embd: 8 n_layer: 1 n_head: 2 initializer_range: 1 ";
    for (const char* other : {"resid_pdrop", "embd_pdrop", "attn_pdrop"}) {
      settings += std::string(other) + (std::string(other) == field ? ": 0.5 " : ": 0 ");
    }
    const auto model = build_model("Gpt2", settings);
    ASSERT_TRUE(model.ok()) << model.status();
    const Batch batch = gpt2_batch(false);
    const at::Tensor evaluated = logits_of(**model, batch);
    EXPECT_TRUE(evaluated.equal(logits_of(**model, batch)));
    (*model)->train();
    EXPECT_FALSE((*model)->forward(batch).at("logits").equal(evaluated)) << field;
  }
}

TEST(Gpt2Test, BlocksCanBeComputedASecondTimeInBackward) {
  const auto model = loaded<Gpt2>(small_gpt2(), "gpt2");
  const auto layers = checkpoint_activations(*model, "^transformer\\.h\\.[0-9]+$");
  ASSERT_TRUE(layers.ok()) << layers.status();
  EXPECT_EQ(layers->size(), 2);
  expect_loss_and_gradient(*model, gpt2_batch(true), "gpt2/loss", "gpt2/gradient_norm");
}

TEST(Gpt2Test, LongSequencesAreRefused) {
  Gpt2 model(small_gpt2());
  EXPECT_THROW(model.forward({{"input_ids", at::zeros({1, 11}, at::kLong)}}), c10::ValueError);
}

TEST(Gpt2Test, ConfigIsHuggingFaces) { expect_huggingface_config(Gpt2(small_gpt2()), "gpt2"); }

TEST(Gpt2Test, SettingsThatDoNotFitAreNamed) {
  EXPECT_EQ(field_error_of("Gpt2", "n_embd: 10 n_head: 4"),
            "n_embd: must be a multiple of n_head, which is 4; it is 10");
  EXPECT_EQ(field_error_of("Gpt2", "n_layer: 0"), "n_layer: must be at least 1, it is 0");
  EXPECT_THROW(Gpt2({.vocab_size = 3, .n_embd = 10, .n_layer = 1, .n_head = 4}), c10::ValueError);
}

TEST(Gpt2Test, FieldsReachTheModel) {
  const auto model = build_model(
      "Gpt2",
      "vocab_size: 7 n_positions: 5 n_embd: 6 n_layer: 1 n_head: 3 n_inner: 9 layer_norm_epsilon: "
      "0.5 activation_function: RELU initializer_range: 0.1 tie_word_embeddings: false");
  ASSERT_TRUE(model.ok()) << model.status();
  const auto json = nlohmann::json::parse((*model)->huggingface_config());
  EXPECT_EQ(json["vocab_size"], 7);
  EXPECT_EQ(json["n_positions"], 5);
  EXPECT_EQ(json["n_layer"], 1);
  EXPECT_EQ(json["n_head"], 3);
  EXPECT_EQ(json["n_inner"], 9);
  EXPECT_EQ(json["layer_norm_epsilon"], 0.5);
  EXPECT_EQ(json["activation_function"], "relu");
  EXPECT_EQ(json["initializer_range"], 0.1);
  EXPECT_EQ(json["tie_word_embeddings"], false);
  EXPECT_EQ((*model)->named_parameters()["transformer.h.0.mlp.c_fc.weight"].sizes(),
            at::IntArrayRef({6, 9}));
}

Batch bert_batch(const std::string& labels) {
  return {{"input_ids", golden().at("bert/input_ids")},
          {"attention_mask", golden().at("bert/attention_mask")},
          {"token_type_ids", golden().at("bert/token_type_ids")},
          {"labels", golden().at(labels)}};
}

Batch plain_bert_batch() { return {{"input_ids", golden().at("bert/input_ids")}}; }

TEST(BertTest, MaskedLmIsHuggingFaces) {
  const auto model = loaded<BertForMaskedLm>(small_bert(), "masked_lm");
  const Batch batch = bert_batch("bert/labels");
  EXPECT_LT(
      relative_error(logits_of(*model, plain_bert_batch()), golden().at("masked_lm/plain_logits")),
      1e-5);
  EXPECT_LT(relative_error(logits_of(*model, batch), golden().at("masked_lm/logits")), 1e-5);
  BertForMaskedLm again(small_bert());
  ASSERT_TRUE(load_weights(again, write_folder(*model, "masked_lm")).ok());
  EXPECT_LT(relative_error(logits_of(again, batch), golden().at("masked_lm/logits")), 1e-5);
  expect_loss_and_gradient(*model, batch, "masked_lm/loss", "masked_lm/gradient_norm");
  const at::Tensor counts = golden().at("bert/labels").ne(-100).sum(1);
  EXPECT_EQ(model->num_loss_tokens(batch), counts.sum().item<int64_t>());
  const at::Tensor losses = model->per_sample_loss(model->forward(batch), batch);
  EXPECT_LT(relative_error((losses * counts).sum() / counts.sum(), golden().at("masked_lm/loss")),
            1e-5);
}

TEST(BertTest, SequenceClassificationIsHuggingFaces) {
  const auto model = loaded<BertForSequenceClassification>(small_bert(), "classifier");
  const Batch batch = bert_batch("bert/classes");
  EXPECT_LT(
      relative_error(logits_of(*model, plain_bert_batch()), golden().at("classifier/plain_logits")),
      1e-5);
  EXPECT_LT(relative_error(logits_of(*model, batch), golden().at("classifier/logits")), 1e-5);
  BertForSequenceClassification again(small_bert());
  ASSERT_TRUE(load_weights(again, write_folder(*model, "classifier")).ok());
  EXPECT_LT(relative_error(logits_of(again, batch), golden().at("classifier/logits")), 1e-5);
  EXPECT_TRUE(model->logits(golden().at("bert/input_ids"))
                  .equal(model->forward(plain_bert_batch()).at("logits")));
  expect_loss_and_gradient(*model, batch, "classifier/loss", "classifier/gradient_norm");
  EXPECT_LT(relative_error(model->per_sample_loss(model->forward(batch), batch).mean(),
                           golden().at("classifier/loss")),
            1e-5);
}

TEST(BertTest, ConfigsAreHuggingFaces) {
  BertOptions options = small_bert();
  expect_huggingface_config(BertForSequenceClassification(options), "classifier");
  options.num_labels = 2;
  expect_huggingface_config(BertForMaskedLm(options), "masked_lm");
}

TEST(BertTest, WithAnotherFeedForwardPartOrBiasesItIsNotHuggingFaces) {
  BertForMaskedLm model(small_bert());
  for (const auto& module : model.modules(/*include_self=*/false)) {
    auto* const layer = dynamic_cast<BertLayer*>(module.get());
    if (layer == nullptr) continue;
    EXPECT_TRUE(layer->intermediate().replace(make_layer<torch::nn::IdentityImpl>()));
    EXPECT_TRUE(layer->output().replace(std::make_shared<BertOutput>(small_bert(), 8)));
    break;
  }
  EXPECT_TRUE(model.forward(plain_bert_batch()).at("logits").isfinite().all().item<bool>());
  EXPECT_EQ(model.huggingface_config(), "");
  BertForSequenceClassification classifier(small_bert());
  Gpt2 gpt2(small_gpt2());
  for (ComposerModel* biased : std::vector<ComposerModel*>{&classifier, &gpt2}) {
    const Batch batch = {{"input_ids", golden().at("bert/input_ids")}};
    const at::Tensor before = logits_of(*biased, batch);
    const auto biases = std::make_shared<LinearBiases>(at::tensor({0.5, 0.25}));
    for (const auto& module : biased->modules(/*include_self=*/false)) {
      auto* const attention = dynamic_cast<SelfAttention*>(module.get());
      if (attention != nullptr) attention->set_linear_biases(biases);
    }
    EXPECT_EQ(biased->huggingface_config(), "");
    EXPECT_FALSE(logits_of(*biased, batch).equal(before));
  }
}

TEST(BertTest, OldBuffersAreNoWeights) {
  auto file = read_module_weights(weights_file("masked_lm"));
  ASSERT_TRUE(file.ok()) << file.status();
  file->emplace_back("bert.embeddings.position_ids", at::arange(9).unsqueeze(0));
  BertForMaskedLm model(small_bert());
  EXPECT_TRUE(load_weights(model, *file).ok());
}

TEST(BertTest, StartsAsHuggingFaces) {
  at::manual_seed(4);
  BertOptions options = small_bert();
  options.vocab_size = 500;
  options.hidden_size = 64;
  options.pad_token_id = 3;
  const BertForMaskedLm model(options);
  const auto parameters = model.named_parameters();
  const at::Tensor words = parameters["bert.embeddings.word_embeddings.weight"];
  EXPECT_NEAR(words.std().item<double>(), 0.02, 3e-4);
  EXPECT_EQ(words[3].abs().max().item<double>(), 0);
  EXPECT_NEAR(parameters["bert.encoder.layer.1.attention.self.key.weight"].std().item<double>(),
              0.02, 1e-3);
  EXPECT_EQ(parameters["bert.encoder.layer.0.output.dense.bias"].abs().max().item<double>(), 0);
  EXPECT_EQ(parameters["cls.predictions.transform.LayerNorm.weight"].min().item<double>(), 1);
  EXPECT_TRUE(parameters["cls.predictions.decoder.weight"].is_same(words));
  EXPECT_TRUE(
      parameters["cls.predictions.decoder.bias"].is_same(parameters["cls.predictions.bias"]));
  options.tie_word_embeddings = false;
  const BertForMaskedLm untied(options);
  EXPECT_NEAR(untied.named_parameters()["cls.predictions.decoder.weight"].std().item<double>(),
              0.02, 3e-4);
}

TEST(BertTest, FieldsReachTheModel) {
  const auto model = build_model(
      "Bert",
      "task: SEQUENCE_CLASSIFICATION num_labels: 4 vocab_size: 7 hidden_size: 6 num_hidden_layers: "
      "1 num_attention_heads: 3 intermediate_size: 9 hidden_act: SILU hidden_dropout_prob: 0.25 "
      "attention_probs_dropout_prob: 0.125 classifier_dropout: 0.5 max_position_embeddings: 5 "
      "type_vocab_size: 3 initializer_range: 0.1 layer_norm_eps: 0.5 pad_token_id: 1");
  ASSERT_TRUE(model.ok()) << model.status();
  const auto json = nlohmann::json::parse((*model)->huggingface_config());
  EXPECT_EQ(json["hidden_act"], "silu");
  EXPECT_EQ(json["hidden_dropout_prob"], 0.25);
  EXPECT_EQ(json["attention_probs_dropout_prob"], 0.125);
  EXPECT_EQ(json["classifier_dropout"], 0.5);
  EXPECT_EQ(json["layer_norm_eps"], 0.5);
  EXPECT_EQ(json["pad_token_id"], 1);
  EXPECT_EQ(json["num_attention_heads"], 3);
  EXPECT_EQ(json["id2label"].size(), 4);
  const auto parameters = (*model)->named_parameters();
  EXPECT_EQ(parameters["classifier.weight"].sizes(), at::IntArrayRef({4, 6}));
  EXPECT_EQ(parameters["bert.encoder.layer.0.intermediate.dense.weight"].sizes(),
            at::IntArrayRef({9, 6}));
  EXPECT_EQ(parameters["bert.embeddings.token_type_embeddings.weight"].size(0), 3);
  EXPECT_EQ(parameters["bert.embeddings.position_embeddings.weight"].size(0), 5);
  EXPECT_EQ(field_error_of("Bert", "hidden_size: 10 num_attention_heads: 4"),
            "hidden_size: must be a multiple of num_attention_heads, which is 4; it is 10");
  EXPECT_EQ(field_error_of("Bert", "vocab_size: 5 pad_token_id: 5"),
            "pad_token_id: must be below vocab_size, which is 5; it is 5");
}

TEST(VitTest, IsTimms) {
  const auto model = loaded<Vit>(small_vit(), "vit");
  const Batch batch = {{"input", golden().at("vit/input")}, {"target", golden().at("vit/target")}};
  EXPECT_LT(relative_error(logits_of(*model, batch), golden().at("vit/logits")), 1e-5);
  expect_loss_and_gradient(*model, batch, "vit/loss", "vit/gradient_norm");
  EXPECT_THROW(model->logits(at::zeros({1, 3, 12, 12})), c10::ValueError);
}

TEST(VitTest, StartsAsTimms) {
  at::manual_seed(4);
  VitOptions options = small_vit();
  options.embed_dim = 64;
  options.image_size = 64;
  const Vit model(options);
  const auto parameters = model.named_parameters();
  EXPECT_NEAR(parameters["pos_embed"].std().item<double>(), 0.02, 5e-4);
  EXPECT_NEAR(parameters["blocks.1.attn.qkv.weight"].std().item<double>(), 0.02, 5e-4);
  EXPECT_LT(parameters["cls_token"].abs().max().item<double>(), 1e-5);
  EXPECT_EQ(parameters["blocks.0.mlp.fc1.bias"].abs().max().item<double>(), 0);
  // The convolution's: uniform within 1 / sqrt(inputs).
  EXPECT_NEAR(parameters["patch_embed.proj.weight"].std().item<double>(),
              1 / std::sqrt(3 * 3.0 * 4 * 4), 3e-3);
  EXPECT_GT(parameters["patch_embed.proj.bias"].abs().max().item<double>(), 0);
}

TEST(VitTest, FieldsReachTheModel) {
  const auto model = build_model("Vit",
                                 "image_size: 8 patch_size: 2 in_channels: 1 num_classes: 4 "
                                 "embed_dim: 6 depth: 3 num_heads: 3 mlp_ratio: 1.5");
  ASSERT_TRUE(model.ok()) << model.status();
  const auto parameters = (*model)->named_parameters();
  EXPECT_EQ(parameters["pos_embed"].sizes(), at::IntArrayRef({1, 17, 6}));
  EXPECT_EQ(parameters["patch_embed.proj.weight"].sizes(), at::IntArrayRef({6, 1, 2, 2}));
  EXPECT_EQ(parameters["blocks.2.mlp.fc1.weight"].sizes(), at::IntArrayRef({9, 6}));
  EXPECT_EQ(parameters["head.weight"].size(0), 4);
  const at::Tensor images = at::randn({2, 1, 8, 8});
  for (const char* field : {"drop_rate", "pos_drop_rate", "proj_drop_rate", "attn_drop_rate"}) {
    const auto dropping = build_model(
        "Vit", std::string("image_size: 8 patch_size: 2 in_channels: 1 embed_dim: 6 depth: 1 "
                           "num_heads: 3 ") +
                   field + ": 0.5");
    ASSERT_TRUE(dropping.ok()) << dropping.status();
    const at::Tensor evaluated = logits_of(**dropping, {{"input", images}});
    (*dropping)->train();
    EXPECT_FALSE((*dropping)->forward({{"input", images}}).at("logits").equal(evaluated)) << field;
  }
  EXPECT_EQ(field_error_of("Vit", "image_size: 10 patch_size: 4"),
            "image_size: must be a multiple of patch_size, which is 4; it is 10");
  EXPECT_EQ(field_error_of("Vit", "embed_dim: 10 num_heads: 4"),
            "embed_dim: must be a multiple of num_heads, which is 4; it is 10");
}

}  // namespace
}  // namespace composer

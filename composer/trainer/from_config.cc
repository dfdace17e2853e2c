#include "composer/trainer/from_config.h"

#include <ATen/Context.h>

#include <algorithm>
#include <optional>
#include <thread>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "composer/base/exceptions.h"
#include "composer/base/status.h"
#include "composer/config/build_chosen.h"
#include "composer/core/model.h"
#include "composer/core/precisions.h"
#include "composer/data/from_config.h"
#include "composer/optim/from_config.h"
#include "composer/optim/loss_scaler.h"
#include "composer/trainer/initial_weights.h"
#include "composer/trainer/process_settings.h"

namespace composer {
namespace {

std::string element(absl::string_view list, int index) {
  return absl::StrCat(list, "[", index, "]");
}

absl::StatusOr<at::Device> parse_device(const std::string& name) {
  if (name == "auto") return at::hasCUDA() ? at::Device(at::kCUDA) : at::Device(at::kCPU);
  absl::StatusOr<at::Device> device = at::Device(at::kCPU);
  const absl::Status parsed = catch_exceptions([&] { *device = at::Device(name); });
  if (!parsed.ok() || !(device->is_cpu() || device->is_cuda())) {
    return field_error("device", absl::StrCat("expected \"auto\", \"cpu\", \"cuda\" or \"cuda:1\", "
                                              "found \"",
                                              name, "\""));
  }
  if (device->is_cuda() && !at::hasCUDA()) {
    return field_error("device",
                       absl::StrCat("this program sees no GPU, so it cannot run on \"", name,
                                    "\"; \"auto\" takes the CPU where there is none"));
  }
  return device;
}

absl::StatusOr<std::unique_ptr<GradScaler>> build_grad_scaler(const config::Run& run) {
  if (run.precision() != config::Run::amp_fp16) {
    return field_error("grad_scaler", absl::StrCat("scales the loss of amp_fp16; precision is ",
                                                   config::Run::Precision_Name(run.precision())));
  }
  const config::GradScaler& config = run.grad_scaler();
  return try_make<LossScaler>(LossScalerOptions{.init_scale = config.init_scale(),
                                                .growth_factor = config.growth_factor(),
                                                .backoff_factor = config.backoff_factor(),
                                                .growth_interval = config.growth_interval(),
                                                .min_scale = config.min_scale()});
}

OnBadStep on_bad_step(config::BadSteps::Policy policy) {
  switch (policy) {
    case config::BadSteps::STOP:
      return OnBadStep::kStop;
    case config::BadSteps::SKIP:
      return OnBadStep::kSkip;
    case config::BadSteps::IGNORE:
      return OnBadStep::kIgnore;
    case config::BadSteps::ROLLBACK:
      return OnBadStep::kRollback;
  }
  return OnBadStep::kStop;
}

CheckpointOptions checkpoint_options(const config::Run& run, const std::string& run_dir) {
  const config::Checkpoints& config = run.checkpoints();
  CheckpointOptions options;
  options.saver.folder = run_dir + "/checkpoints";
  options.saver.run_name = run.run_name();
  options.saver.name = config.name();
  options.saver.background = config.background();
  if (config.keep_last() > 0) {
    options.saver.retention.keep_last = static_cast<int>(config.keep_last());
  }
  for (const config::KeepBest& best : config.keep_best()) {
    options.saver.retention.keep_best.push_back({.metric = best.metric(),
                                                 .lower_is_better = best.lower_is_better(),
                                                 .keep = static_cast<int>(best.keep())});
  }
  options.milestones = {config.milestones().begin(), config.milestones().end()};
  options.interval = config.interval();
  options.at_end = config.at_end();
  options.stop_on_failure = config.on_failure() == config::Checkpoints::STOP_RUN;
  return options;
}

std::optional<at::Device> gpu_of(at::Device device) {
  if (!device.is_cuda()) return std::nullopt;
  return device;
}

// Builds each element of a list of holders with `build`, and puts it into `products`.
template <typename Holders, typename Products, typename Build>
absl::Status build_list(absl::string_view field, const Holders& holders, Products& products,
                        Build&& build) {
  for (int i = 0; i < holders.size(); ++i) {
    auto product = build(holders.Get(i));
    if (!product.ok()) return in_field(element(field, i), product.status());
    products.push_back(*std::move(product));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<ComposerModel>> build_seeded_model(const config::Run& run) {
  seed_everything(run.seed());
  auto model = build_chosen<ComposerModel>(run.model());
  if (!model.ok()) return in_field("model", model.status());
  return model;
}

bool acts_at_init(const std::unique_ptr<Algorithm>& algorithm) {
  const std::vector<Event> events = algorithm->traits().events;
  return std::find(events.begin(), events.end(), Event::kInit) != events.end();
}

absl::Status load_initial_weights(const config::Run& run, TrainerOptions& options) {
  COMPOSER_RETURN_IF_ERROR(InitialWeights::check(run));
  InitialWeights weights(run);
  const bool may_change =
      std::any_of(options.algorithms.begin(), options.algorithms.end(), acts_at_init);
  COMPOSER_RETURN_IF_ERROR(weights.load(*options.model, may_change));
  if (may_change) {
    options.after_init = [weights = std::move(weights)](ComposerModel& model) {
      return weights.load_changed(model);
    };
  }
  return absl::OkStatus();
}

absl::StatusOr<int64_t> resolve_threads(const config::Run& run, const ComposerModel& model,
                                        DataLoader* data) {
  int64_t threads;
  if (absl::SimpleAtoi(run.threads(), &threads)) return threads;
  if (data == nullptr) return 0;
  std::optional<Batch> batch;
  COMPOSER_RETURN_IF_ERROR(catch_exceptions([&] {
    data->seek(0, 0);
    batch = data->next();
  }));
  if (!batch || batch->num_samples() == 0) return 0;
  int64_t parameters = 0;
  for (const at::Tensor& parameter : model.parameters()) parameters += parameter.numel();
  const int64_t sample_values = batch->at(batch->input_name()).numel() / batch->num_samples();
  return threads_for(data->batch_size(), sample_values, parameters,
                     static_cast<int64_t>(std::thread::hardware_concurrency()));
}

absl::StatusOr<int64_t> microbatch_size(const config::Run& run) {
  if (!run.has_device_train_microbatch_size()) return 0;
  const std::string& text = run.device_train_microbatch_size();
  int64_t size;
  if (text == "auto") return kAutoMicrobatchSize;
  if (absl::SimpleAtoi(text, &size) && size >= 1) return size;
  return field_error(
      "device_train_microbatch_size",
      absl::StrCat("expected \"auto\" or a whole number above 0, found \"", text, "\""));
}

absl::StatusOr<Evaluator> build_evaluator(const config::Evaluator& config,
                                          const LoaderContext& context) {
  auto data = build_loader(config.data(), context);
  if (!data.ok()) return in_field("data", data.status());
  return Evaluator{.label = config.label(),
                   .data = *std::move(data),
                   .metric_names = {config.metric_names().begin(), config.metric_names().end()},
                   .interval = config.interval()};
}

}  // namespace

absl::StatusOr<TrainerOptions> build_trainer_options(const config::Run& run,
                                                     const RunContext& context) {
  TrainerOptions options;
  COMPOSER_ASSIGN_OR_RETURN(options.device, parse_device(run.device()));
  options.seed = run.seed();
  options.deterministic = run.deterministic();
  COMPOSER_ASSIGN_OR_RETURN(options.precision,
                            parse_precision(config::Run::Precision_Name(run.precision())));
  options.allow_slow_precision = run.allow_slow_precision();
  options.cudnn_benchmark = run.cudnn_benchmark();
  options.allow_tf32 = run.allow_tf32();
  if (run.has_grad_scaler()) {
    COMPOSER_ASSIGN_OR_RETURN(options.grad_scaler, build_grad_scaler(run));
  }
  options.max_duration = run.max_duration();
  options.scale_schedule_ratio = run.scale_schedule_ratio();
  options.iteration_length = run.iteration_length();
  COMPOSER_ASSIGN_OR_RETURN(options.device_train_microbatch_size, microbatch_size(run));
  options.accumulate_train_batch_on_tokens = run.accumulate_train_batch_on_tokens();
  options.on_bad_step = on_bad_step(run.bad_steps().policy());
  options.max_consecutive_skips = run.bad_steps().max_consecutive_skips();
  if (!context.run_dir.empty()) {
    options.bad_step_dir = context.run_dir + "/bad_steps";
    options.checkpoints = checkpoint_options(run, context.run_dir);
  } else if (options.on_bad_step == OnBadStep::kRollback) {
    // Who evaluates or checks a config takes no step.
    options.on_bad_step = OnBadStep::kStop;
  }
  options.config_text = context.config_text;
  options.activation_checkpointing = run.activation_checkpointing().layers();

  COMPOSER_RETURN_IF_ERROR(
      build_list("schedulers", run.schedulers(), options.schedulers,
                 [](const auto& holder) { return build_chosen<Scheduler>(holder); }));
  COMPOSER_RETURN_IF_ERROR(
      build_list("algorithms", run.algorithms(), options.algorithms,
                 [](const auto& holder) { return build_chosen<Algorithm>(holder); }));
  COMPOSER_RETURN_IF_ERROR(
      build_list("callbacks", run.callbacks(), options.callbacks,
                 [](const auto& holder) { return build_chosen<Callback>(holder); }));
  COMPOSER_RETURN_IF_ERROR(build_list(
      "loggers", run.loggers(), options.loggers,
      [&](const auto& holder) { return build_chosen<LoggerDestination>(holder, context); }));
  if (run.has_train()) {
    auto train = build_loader(
        run.train(),
        {.training = true, .seed = run.seed(), .pin_memory_for = gpu_of(options.device)});
    if (!train.ok()) return in_field("train", train.status());
    options.train = *std::move(train);
  }
  COMPOSER_RETURN_IF_ERROR(
      build_list("evaluators", run.evaluators(), options.evaluators, [&](const auto& evaluator) {
        return build_evaluator(evaluator,
                               {.seed = run.seed(), .pin_memory_for = gpu_of(options.device)});
      }));
  COMPOSER_ASSIGN_OR_RETURN(options.model, build_seeded_model(run));
  COMPOSER_RETURN_IF_ERROR(load_initial_weights(run, options));
  COMPOSER_ASSIGN_OR_RETURN(options.optimizers, build_optimizer_factories(run));
  DataLoader* const first = options.train                ? options.train.get()
                            : options.evaluators.empty() ? nullptr
                                                         : options.evaluators[0].data.get();
  COMPOSER_ASSIGN_OR_RETURN(options.threads, resolve_threads(run, *options.model, first));
  return options;
}

absl::StatusOr<std::shared_ptr<DataLoader>> build_predict_loader(const config::Run& run) {
  const bool own = run.has_predict();
  if (!own && run.evaluators().empty()) {
    return field_error("predict",
                       "there is nothing to predict: the config has neither `predict` nor an "
                       "evaluator");
  }
  auto loader = build_loader(own ? run.predict() : run.evaluators(0).data(), {.seed = run.seed()});
  if (!loader.ok()) return in_field(own ? "predict" : "evaluators[0].data", loader.status());
  return loader;
}

}  // namespace composer

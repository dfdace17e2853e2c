#include "composer/trainer/trainer.h"

#include <cmath>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "composer/base/exceptions.h"
#include "composer/base/logging.h"
#include "composer/base/status.h"
#include "composer/core/compatibility.h"
#include "composer/core/model.h"
#include "composer/core/precisions.h"
#include "composer/data/device_loader.h"
#include "composer/nn/activation_checkpoint.h"
#include "composer/optim/gradient_check.h"
#include "composer/optim/loss_scaler.h"
#include "composer/trainer/batch_shapes.h"
#include "composer/trainer/process_settings.h"
#include "composer/trainer/pure_bf16.h"

namespace composer {
namespace {

absl::StatusOr<Time> parse_duration(absl::string_view what, const std::string& text) {
  absl::StatusOr<Time> time = Time::parse(text);
  if (!time.ok()) return annotate(what, time.status());
  if (time->unit() == TimeUnit::kDuration || time->unit() == TimeUnit::kIteration) {
    return absl::InvalidArgumentError(
        absl::StrCat(what, " cannot be \"", text, "\"; use ep, ba, sp, tok or sec"));
  }
  if (time->value() <= 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(what, " must be above zero, not \"", text, "\""));
  }
  if (time->unit() == TimeUnit::kSecond) {
    LOG(WARNING) << what << " is \"" << text
                 << "\", a wall-clock time: where training ends depends on the machine, and a "
                    "resumed run is not bit-exact";
  }
  return time;
}

// The model's parameters that are trained, under their names.
std::vector<NamedParameter> trainable_parameters(const ComposerModel& model) {
  std::vector<NamedParameter> parameters;
  for (const auto& parameter : model.named_parameters()) {
    if (parameter.value().requires_grad()) {
      parameters.push_back({parameter.key(), parameter.value()});
    }
  }
  return parameters;
}

std::unique_ptr<GradScaler> default_grad_scaler(const TrainerOptions& options) {
  if (options.precision == Precision::kAmpFp16) return std::make_unique<LossScaler>();
  if (options.on_bad_step == OnBadStep::kIgnore) return std::make_unique<GradScaler>();
  return std::make_unique<GradientCheck>();
}

}  // namespace

Trainer::Trainer(TrainerOptions& options)
    : logger_(std::move(options.loggers)),
      engine_(state_, logger_, std::move(options.algorithm_passes)),
      train_(on_device(std::move(options.train), options.device)),
      train_subset_num_batches_(options.train_subset_num_batches),
      accumulate_on_tokens_(options.accumulate_train_batch_on_tokens),
      stop_waiting_(std::move(options.stop_waiting)) {
  state_.model = std::move(options.model);
  state_.schedulers = std::move(options.schedulers);
  state_.algorithms = std::move(options.algorithms);
  state_.callbacks = std::move(options.callbacks);
  state_.precision = options.precision;
  state_.grad_scaler =
      options.grad_scaler ? std::move(options.grad_scaler) : default_grad_scaler(options);
  if (options.gradient_reducer) state_.gradient_reducer = std::move(options.gradient_reducer);
  state_.device = options.device;
  state_.seed = options.seed;
  state_.scale_schedule_ratio = options.scale_schedule_ratio;
  state_.auto_microbatch_size = options.device_train_microbatch_size == kAutoMicrobatchSize;
  state_.device_train_microbatch_size =
      state_.auto_microbatch_size ? 0 : options.device_train_microbatch_size;
}

Trainer::~Trainer() = default;

absl::StatusOr<std::unique_ptr<Trainer>> Trainer::create(TrainerOptions options) {
  if (options.model == nullptr) {
    return absl::InvalidArgumentError("a trainer needs a model: set TrainerOptions::model");
  }
  if (options.device_train_microbatch_size < kAutoMicrobatchSize) {
    return absl::InvalidArgumentError(
        absl::StrCat("device_train_microbatch_size must be a number of samples, 0 for the whole "
                     "batch or kAutoMicrobatchSize, not ",
                     options.device_train_microbatch_size));
  }
  if (options.train_subset_num_batches < 0) {
    return absl::InvalidArgumentError("train_subset_num_batches must not be negative");
  }
  if (options.max_consecutive_skips < 1) {
    return absl::InvalidArgumentError(absl::StrCat("max_consecutive_skips must be above 0, it is ",
                                                   options.max_consecutive_skips));
  }
  if (!(options.scale_schedule_ratio > 0) || !std::isfinite(options.scale_schedule_ratio)) {
    return absl::InvalidArgumentError(
        absl::StrCat("scale_schedule_ratio must be above 0, it is ", options.scale_schedule_ratio));
  }
  if (options.deterministic && options.cudnn_benchmark) {
    return field_error("cudnn_benchmark",
                       "takes kernels by their speed at the moment, which `deterministic: true` "
                       "rules out; leave out one of the two");
  }
  if (options.precision != Precision::kFp32 && !options.allow_slow_precision) {
    COMPOSER_RETURN_IF_ERROR(
        check_worthwhile(options.precision, options.device, ProcessorTypes::of_this_one()));
  }
  std::unique_ptr<Trainer> trainer(new Trainer(options));
  const absl::Status status = catch_exceptions([&] { return trainer->set_up(options); });
  if (!status.ok()) return status;
  return trainer;
}

absl::Status Trainer::set_up(TrainerOptions& options) {
  State& s = state_;
  COMPOSER_RETURN_IF_ERROR(check_compatible(s.algorithms, *s.model));
  if (!options.max_duration.empty()) {
    COMPOSER_ASSIGN_OR_RETURN(s.max_duration, parse_duration("max_duration", options.max_duration));
    s.max_duration = s.max_duration->scaled(s.scale_schedule_ratio);
    if (s.max_duration->value() <= 0) {
      return field_error("scale_schedule_ratio",
                         absl::StrCat(s.scale_schedule_ratio, " of max_duration (\"",
                                      options.max_duration, "\") is nothing to train"));
    }
  }
  if (!options.iteration_length.empty()) {
    COMPOSER_ASSIGN_OR_RETURN(iteration_length_,
                              parse_duration("iteration_length", options.iteration_length));
    if (iteration_length_->unit() != TimeUnit::kEpoch) {
      return absl::InvalidArgumentError(absl::StrCat(
          "iteration_length counts epochs (\"5ep\"), not \"", options.iteration_length, "\""));
    }
  }
  for (Evaluator& evaluator : options.evaluators) {
    for (const BoundEvaluator& other : evaluators_) {
      if (other.options.label == evaluator.label) {
        return absl::InvalidArgumentError(
            absl::StrCat("two evaluators are labelled \"", evaluator.label, "\""));
      }
    }
    COMPOSER_ASSIGN_OR_RETURN(BoundEvaluator bound, bind(std::move(evaluator)));
    evaluators_.push_back(std::move(bound));
  }
  apply_process_settings({.threads = options.threads,
                          .deterministic = options.deterministic,
                          .cudnn_benchmark = options.cudnn_benchmark,
                          .allow_tf32 = options.allow_tf32});
  seed_everything(s.seed + static_cast<uint64_t>(s.rank));
  s.train_metrics = s.model->metrics(/*is_train=*/true);

  engine_.run(Event::kInit);
  if (options.after_init) COMPOSER_RETURN_IF_ERROR(options.after_init(*s.model));
  if (!options.activation_checkpointing.empty()) {
    const auto layers = checkpoint_activations(*s.model, options.activation_checkpointing);
    if (!layers.ok()) return in_field("activation_checkpointing.layers", layers.status());
    LOG(INFO) << "activation checkpointing: " << layers->size()
              << (layers->size() == 1 ? " layer" : " layers");
  }
  // Before `to`, where recurrent modules lay out their weights anew.
  if (s.precision == Precision::kBf16) convert_to_bf16(*s.model);
  s.model->to(s.device);
  COMPOSER_RETURN_IF_ERROR(make_optimizers(options.optimizers));
  COMPOSER_RETURN_IF_ERROR(set_up_checkpoints(options));
  step_guard_.emplace(
      s, step_start_,
      StepGuard::Options{
          .policy = options.on_bad_step,
          .max_consecutive_skips = options.max_consecutive_skips,
          .dir = std::move(options.bad_step_dir),
          .config_text = config_text_,
          .roll_back = [this](const Timestamp& step, int64_t samples,
                              int64_t tokens) { return roll_back(step, samples, tokens); },
          .treat_cpu_as_device = options.treat_cpu_as_device},
      [this](const Batch& batch) { forward_backward(batch); });
  if (train_ != nullptr) set_train_loader();
  engine_.run(Event::kBeforeLoad);
  engine_.run(Event::kAfterLoad);
  return absl::OkStatus();
}

absl::Status Trainer::make_optimizers(std::vector<OptimizerFactory>& factories) {
  State& s = state_;
  for (OptimizerFactory& factory : factories) {
    COMPOSER_ASSIGN_OR_RETURN(std::unique_ptr<Optimizer> optimizer,
                              factory(trainable_parameters(*s.model)));
    s.optimizers.push_back(std::move(optimizer));
  }
  if (s.optimizers.size() < 2) return absl::OkStatus();
  std::map<const void*, size_t> owner;
  for (size_t i = 0; i < s.optimizers.size(); ++i) {
    if (s.optimizers[i]->evaluates_loss_repeatedly()) {
      return absl::InvalidArgumentError(absl::StrCat(
          "optimizer ", i, " computes the loss repeatedly, so it must be the only optimizer"));
    }
    for (const ParameterGroup& group : s.optimizers[i]->groups()) {
      for (const NamedParameter& parameter : group.parameters) {
        const auto [position, added] = owner.emplace(parameter.tensor.unsafeGetTensorImpl(), i);
        if (!added) {
          return absl::InvalidArgumentError(absl::StrCat("parameter \"", parameter.name,
                                                         "\" belongs to optimizers ",
                                                         position->second, " and ", i));
        }
      }
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<Trainer::BoundEvaluator> Trainer::bind(Evaluator evaluator) const {
  const std::string who = absl::StrCat("evaluator \"", evaluator.label, "\"");
  if (evaluator.data == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat(who, " has no data"));
  }
  if (!evaluator.data->batches_per_epoch() && evaluator.subset_num_batches <= 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(who, " reads a stream without an end: set subset_num_batches"));
  }
  absl::StatusOr<Time> interval = Time::parse(evaluator.interval);
  if (!interval.ok()) return annotate(absl::StrCat(who, ", interval"), interval.status());
  MetricCollection metrics = state_.model->metrics(/*is_train=*/false);
  COMPOSER_RETURN_IF_ERROR(annotate(who, metrics.keep(evaluator.metric_names)));
  evaluator.data = on_device(std::move(evaluator.data), state_.device);
  evaluator.data->set_stop_waiting(stop_waiting_);
  return BoundEvaluator{std::move(evaluator), *interval, std::move(metrics)};
}

void Trainer::set_train_loader() {
  State& s = state_;
  s.dataloader = s.train_dataloader = train_.get();
  s.dataloader_label = "train";
  s.dataloader_length = train_->batches_per_epoch();
  train_->set_stop_waiting(stop_waiting_);
  if (train_subset_num_batches_ <= 0) return;
  if (s.dataloader_length && *s.dataloader_length < train_subset_num_batches_) {
    LOG(WARNING) << "train_subset_num_batches is " << train_subset_num_batches_
                 << ", an epoch has only " << *s.dataloader_length << " batches";
    return;
  }
  s.dataloader_length = train_subset_num_batches_;
}

absl::Status Trainer::begin_fit(FitOptions& options) {
  State& s = state_;
  if (options.train != nullptr) {
    train_ = on_device(std::move(options.train), s.device);
    // Another loader's samples may be smaller.
    if (s.auto_microbatch_size) s.device_train_microbatch_size = 0;
  }
  if (train_ == nullptr) {
    return absl::FailedPreconditionError(
        "there is nothing to train on: set TrainerOptions::train or FitOptions::train");
  }
  set_train_loader();
  if (options.reset_time) {
    s.timestamp = {};
    for (BoundEvaluator& evaluator : evaluators_) evaluator.evaluated_at = -1;
  }
  if (!options.duration.empty()) {
    COMPOSER_ASSIGN_OR_RETURN(const Time duration, parse_duration("duration", options.duration));
    s.max_duration = duration.plus(s.timestamp.get(duration.unit()));
  }
  if (!s.max_duration) {
    return absl::FailedPreconditionError(
        "how long to train is not known: set TrainerOptions::max_duration or FitOptions::duration");
  }
  if (s.optimizers.empty() && !trainable_parameters(*s.model).empty()) {
    return absl::FailedPreconditionError("there is no optimizer: set TrainerOptions::optimizers");
  }
  if (s.max_duration->unit() == TimeUnit::kEpoch && !s.dataloader_length) {
    LOG(WARNING) << "max_duration is in epochs and the train loader does not know its length: "
                    "schedules move only at the end of an epoch";
  }
  if (reached(s.timestamp, *s.max_duration) && !resumed_) {
    return absl::FailedPreconditionError(
        absl::StrCat("there is nothing to train: max_duration is ", s.max_duration->to_string(),
                     " and training is at ", s.timestamp.epoch, "ep, ", s.timestamp.batch,
                     "ba; give fit a duration (FitOptions::duration) or reset_time"));
  }
  for (size_t i = 0; i < s.schedulers.size(); ++i) {
    COMPOSER_RETURN_IF_ERROR(in_field(absl::StrCat("schedulers[", i, "]"), check_scheduler(i)));
  }
  // One of a loaded checkpoint holds.
  if (!resumed_) s.forget_stop();
  s.interrupted = false;
  s.evaluation = 0;
  data_waited_ = steps_taken_ = Duration::zero();
  return absl::OkStatus();
}

absl::Status Trainer::fit(FitOptions options) {
  return catch_exceptions([&]() -> absl::Status {
    COMPOSER_RETURN_IF_ERROR(begin_fit(options));
    settle();
    const int64_t first_batch = state_.timestamp.batch;
    const bool resumed = std::exchange(resumed_, false);
    // A loaded checkpoint has those of the step before it.
    if (!resumed) set_learning_rates();
    log_hyperparameters();
    fit_loop();
    for (const auto& optimizer : state_.optimizers) optimizer->zero_grad();
    if (state_.stop_requested()) LOG(INFO) << "training stopped: " << *state_.stop_reason;
    if (saver_) {
      const absl::Status saved = saver_->wait();
      if (!saved.ok()) LOG(ERROR) << "a checkpoint could not be saved: " << saved.message();
      if (stop_on_failed_save_) COMPOSER_RETURN_IF_ERROR(saved);
    }
    if (state_.timestamp.batch == first_batch && !resumed && !state_.interrupted) {
      LOG(WARNING) << "no batch was trained on: the train loader gave none";
    }
    return absl::OkStatus();
  });
}

absl::Status Trainer::check_scheduler(size_t index) const {
  const State& s = state_;
  COMPOSER_RETURN_IF_ERROR(s.schedulers.at(index)->validate(s.clock()));
  std::vector<std::string> patterns;
  for (const auto& optimizer : s.optimizers) {
    for (const ParameterGroup& group : optimizer->groups()) patterns.push_back(group.pattern);
  }
  return s.schedulers[index]->check_groups(patterns);
}

void Trainer::set_learning_rates() {
  State& s = state_;
  if (s.schedulers.empty()) return;
  const ScheduleClock clock = s.schedule_clock();
  for (const auto& optimizer : s.optimizers) {
    for (ParameterGroup& group : optimizer->groups()) {
      group.lr = scheduled_lr(group, s.schedulers, clock);
    }
  }
}

void Trainer::log_hyperparameters() {
  const State& s = state_;
  std::vector<std::pair<std::string, std::string>> values = {
      {"max_duration", s.max_duration->to_string()},
      {"seed", absl::StrCat(s.seed)},
      {"train_batch_size", absl::StrCat(s.dataloader->batch_size())},
      {"device_train_microbatch_size",
       s.auto_microbatch_size ? "auto" : absl::StrCat(s.device_train_microbatch_size)},
      {"accumulate_train_batch_on_tokens", accumulate_on_tokens_ ? "true" : "false"},
      {"precision", std::string(precision_name(s.precision))},
  };
  for (const auto& algorithm : s.algorithms) {
    values.emplace_back(absl::StrCat("enabled_algorithms/", algorithm->name()), "true");
  }
  logger_.log_hyperparameters(values);
}

// "the model's forward, train batch 3, input [128, 1, 28, 28], target [128]"
std::string Trainer::model_context(const char* part) const {
  const Timestamp& clock = state_.dataloader_label == "train"     ? state_.timestamp
                           : state_.dataloader_label == "predict" ? state_.predict_timestamp
                                                                  : state_.eval_timestamp;
  return absl::StrCat("the model's ", part, ", ", state_.dataloader_label, " batch ", clock.batch,
                      batch_shapes(state_.batch));
}

absl::Status Trainer::repeat_step(const Batch& batch) {
  return catch_exceptions([&] {
    make_step_start();
    if (step_start_) step_start_->save();
    state_.model->train();
    state_.batch = batch;
    state_.evaluation = 0;
    forward_backward(batch);
    state_.evaluation = 0;
  });
}

}  // namespace composer

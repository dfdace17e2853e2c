#pragma once

#include <array>

#include "absl/strings/string_view.h"

namespace composer {

// Every event, in the order in which it fires, and the method of Callback that it calls. An event
// is called by its name in Composer.
//
// clang-format off
#define COMPOSER_EVENTS(X)                                                                        \
  /* When the trainer is created. */                                                              \
  X(kInit, init) X(kBeforeLoad, before_load) X(kAfterLoad, after_load)                            \
  /* fit */                                                                                       \
  X(kFitStart, fit_start)                                                                         \
    X(kIterationStart, iteration_start)                                                           \
    X(kEpochStart, epoch_start)                                                                   \
      X(kBeforeDataloader, before_dataloader) X(kAfterDataloader, after_dataloader)               \
      X(kBatchStart, batch_start)                                                                 \
        /* Once for each evaluation of the loss by the optimizer. */                              \
        X(kBeforeTrainBatch, before_train_batch)                                                  \
          /* Once for each microbatch. */                                                         \
          X(kBeforeForward, before_forward) X(kAfterForward, after_forward)                       \
          X(kBeforeLoss, before_loss) X(kAfterLoss, after_loss)                                   \
          X(kBeforeBackward, before_backward) X(kAfterBackward, after_backward)                   \
        /* The gradients are complete, the optimizer has not used them yet. */                    \
        X(kAfterTrainBatch, after_train_batch)                                                    \
      /* The timestamp has advanced. Evaluators run between the two. */                           \
      X(kBatchEnd, batch_end) X(kBatchCheckpoint, batch_checkpoint)                               \
    X(kEpochEnd, epoch_end) X(kEpochCheckpoint, epoch_checkpoint)                                 \
    X(kIterationEnd, iteration_end) X(kIterationCheckpoint, iteration_checkpoint)                 \
  X(kFitEnd, fit_end)                                                                             \
  /* Evaluation inside fit: all of these. Trainer::eval: kEvalStandalone* around the middle ones. */ \
  X(kEvalBeforeAll, eval_before_all)                                                              \
  X(kEvalStandaloneStart, eval_standalone_start)                                                  \
    X(kEvalStart, eval_start)                                                                     \
      X(kEvalBatchStart, eval_batch_start)                                                        \
        X(kEvalBeforeForward, eval_before_forward) X(kEvalAfterForward, eval_after_forward)       \
      X(kEvalBatchEnd, eval_batch_end)                                                            \
    X(kEvalEnd, eval_end)                                                                         \
  X(kEvalStandaloneEnd, eval_standalone_end)                                                      \
  X(kEvalAfterAll, eval_after_all)                                                                \
  /* predict */                                                                                   \
  X(kPredictStart, predict_start)                                                                 \
    X(kPredictBatchStart, predict_batch_start)                                                    \
      X(kPredictBeforeForward, predict_before_forward)                                            \
      X(kPredictAfterForward, predict_after_forward)                                              \
    X(kPredictBatchEnd, predict_batch_end)                                                        \
  X(kPredictEnd, predict_end)
// clang-format on

enum class Event {
#define COMPOSER_EVENT_ENUMERATOR(enumerator, name) enumerator,
  COMPOSER_EVENTS(COMPOSER_EVENT_ENUMERATOR)
#undef COMPOSER_EVENT_ENUMERATOR
};

/// All events, in order.
inline constexpr std::array kAllEvents = {
#define COMPOSER_EVENT_VALUE(enumerator, name) Event::enumerator,
    COMPOSER_EVENTS(COMPOSER_EVENT_VALUE)
#undef COMPOSER_EVENT_VALUE
};

/// "before_loss" for kBeforeLoss.
absl::string_view event_name(Event event);

/// True for the events at which algorithms run last in, first out: kAfter*.
bool is_after_event(Event event);

}  // namespace composer

#pragma once

// For programs that embed the trainer. Models and algorithms have headers of their own.

#include "composer/base/exceptions.h"             // IWYU pragma: export
#include "composer/base/status.h"                 // IWYU pragma: export
#include "composer/core/algorithm.h"              // IWYU pragma: export
#include "composer/core/autocast.h"               // IWYU pragma: export
#include "composer/core/callback.h"               // IWYU pragma: export
#include "composer/core/logger.h"                 // IWYU pragma: export
#include "composer/core/snapshot.h"               // IWYU pragma: export
#include "composer/core/state.h"                  // IWYU pragma: export
#include "composer/data/batches_loader.h"         // IWYU pragma: export
#include "composer/data/loader.h"                 // IWYU pragma: export
#include "composer/data/sources/fashion_mnist.h"  // IWYU pragma: export
#include "composer/data/tensor_dataset.h"         // IWYU pragma: export
#include "composer/loggers/console.h"             // IWYU pragma: export
#include "composer/loggers/in_memory.h"           // IWYU pragma: export
#include "composer/loggers/jsonl.h"               // IWYU pragma: export
#include "composer/optim/adafactor.h"             // IWYU pragma: export
#include "composer/optim/adagrad.h"               // IWYU pragma: export
#include "composer/optim/adam.h"                  // IWYU pragma: export
#include "composer/optim/adamw.h"                 // IWYU pragma: export
#include "composer/optim/decoupled_adamw.h"       // IWYU pragma: export
#include "composer/optim/decoupled_sgdw.h"        // IWYU pragma: export
#include "composer/optim/lamb.h"                  // IWYU pragma: export
#include "composer/optim/lbfgs.h"                 // IWYU pragma: export
#include "composer/optim/lion.h"                  // IWYU pragma: export
#include "composer/optim/rmsprop.h"               // IWYU pragma: export
#include "composer/optim/sgd.h"                   // IWYU pragma: export
#include "composer/trainer/process_settings.h"    // IWYU pragma: export
#include "composer/trainer/trainer.h"             // IWYU pragma: export

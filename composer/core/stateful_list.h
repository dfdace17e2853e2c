#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "composer/base/status.h"
#include "composer/core/state_dict.h"

namespace composer {

/// The states of a list of pointers to Stateful, each under its position: "0", "1", ...
template <typename Items>
StateDict states_of(const Items& items) {
  StateDict state;
  for (size_t i = 0; i < items.size(); ++i) state.set(absl::StrCat(i), items[i]->state_dict());
  return state;
}

/// Gives each of `items` its state out of `snapshot`'s part `kind`. InvalidArgument when there are
/// more or fewer of them than states.
template <typename Items>
absl::Status load_states(const StateDict& snapshot, absl::string_view kind, const Items& items) {
  COMPOSER_ASSIGN_OR_RETURN(const StateDict* states, snapshot.child(kind));
  if (states->children().size() != items.size()) {
    return absl::InvalidArgumentError(absl::StrCat("the snapshot has ", states->children().size(),
                                                   " ", kind, ", the run has ", items.size()));
  }
  for (size_t i = 0; i < items.size(); ++i) {
    COMPOSER_ASSIGN_OR_RETURN(const StateDict* state, states->child(absl::StrCat(i)));
    COMPOSER_RETURN_IF_ERROR(
        annotate(absl::StrCat(kind, " ", i), items[i]->load_state_dict(*state)));
  }
  return absl::OkStatus();
}

}  // namespace composer

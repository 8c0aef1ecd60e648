#ifndef ALIGNFLOW_CLIENT_MIX_TEXT_H_
#define ALIGNFLOW_CLIENT_MIX_TEXT_H_

#include <string>

#include "alignflow/v1/jobs.pb.h"

namespace alignflow {

// What the pairs that a job asks for are, and by which setting: "64 pairs: 32 restyled (...), 32
// recoloured (...); generate.mix is restyled:0.5,recoloured:0.5, the default of unet-64". The gates
// may leave some out or have recoloured ones made again by the model, which their records tell.
// Empty for a job without these settings.
std::string MixText(const v1::AlignSpec& spec);

}  // namespace alignflow

#endif  // ALIGNFLOW_CLIENT_MIX_TEXT_H_

#include "worker/data/phantom_scene.h"
namespace alignflow { PhantomScene RenderFundus(uint64_t a, int b, int c) { return RenderPolyp(a,b,c); } }

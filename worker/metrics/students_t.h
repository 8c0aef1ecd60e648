#ifndef ALIGNFLOW_WORKER_METRICS_STUDENTS_T_H_
#define ALIGNFLOW_WORKER_METRICS_STUDENTS_T_H_

namespace alignflow {

// Student's t distribution with any number of degrees of freedom above 0, to about 1e-10. Pure.

// The probability of a value at least as far from 0 as t, on either side.
double TwoSidedPValue(double t, double degrees);

// The t that TwoSidedPValue gives p for; 0 < p < 1.
double TwoSidedQuantile(double p, double degrees);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_METRICS_STUDENTS_T_H_

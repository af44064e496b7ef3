# Log partial likelihood of given log hazards, both ways of ties: R's survival::coxph with the hazards as an offset.
# Rscript tests/golden/cox_loss.R > tests/golden/cox_loss.csv
library(survival)
cases <- data.frame(
  time = c(5, 3, 3, 8, 8, 8, 1, 12, 7, 3, 12, 10),
  event = c(1, 1, 0, 1, 1, 1, 0, 0, 1, 1, 1, 0),
  risk = c(0.3, -1.2, 0.8, 2.1, -0.4, 0, 1.5, -2.2, 0.6, 1.1, -0.7, 3)
)
rows <- lapply(c("efron", "breslow"), function(ties) {
  fit <- coxph(Surv(time, event) ~ offset(risk), data = cases, ties = ties)
  data.frame(ties = ties, log_likelihood = sprintf("%.15g", fit$loglik[1]), version = as.character(packageVersion("survival")))
})
write.csv(do.call(rbind, rows), row.names = FALSE, quote = FALSE)

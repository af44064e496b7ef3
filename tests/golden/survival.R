# Reference values of tests/stats and tests/survival: Rscript survival.R, in this folder. R 4.2.2, survival 3.5-3.
library(survival)
set.seed(7)
n <- 60
d <- data.frame(
  age = round(rnorm(n, 60, 9)), marker = round(rnorm(n), 2), sex = rbinom(n, 1, 0.5),
  site = sample(c("a", "b", "c"), n, TRUE), patient = rep(1:(n / 2), each = 2), weight = sample(c(0.5, 1, 2), n, TRUE)
)
rate <- exp(0.03 * (d$age - 60) + 0.5 * d$marker) / 20
event_time <- ceiling(rexp(n, rate))
censoring <- ceiling(runif(n, 1, 40))
d$time <- pmin(event_time, censoring)
d$event <- as.integer(event_time <= censoring)
write.csv(d, "survival_cases.csv", row.names = FALSE, quote = FALSE)
rows <- list()
add <- function(name, value) {
  value <- as.numeric(unlist(value))
  rows[[length(rows) + 1]] <<- data.frame(name = name, index = seq_along(value) - 1, value = sprintf("%.17g", value))
}
exact <- coxph.control(eps = 1e-13, toler.chol = 1e-14, iter.max = 60)
y <- Surv(d$time, d$event)
for (ties in c("efron", "breslow")) {
  f <- coxph(y ~ age + marker + sex, d, ties = ties, weights = weight, control = exact, robust = FALSE)
  add(paste0("weighted.", ties, ".coef"), coef(f))
  add(paste0("weighted.", ties, ".se"), sqrt(diag(vcov(f))))
  add(paste0("weighted.", ties, ".loglik"), f$loglik)
  f <- coxph(y ~ age + marker + sex + cluster(patient), d, ties = ties, weights = weight, control = exact)
  add(paste0("cluster.", ties, ".se"), sqrt(diag(vcov(f))))
  s <- coxph(y ~ age + marker + strata(site), d, ties = ties, control = exact)
  add(paste0("strata.", ties, ".coef"), coef(s))
  add(paste0("strata.", ties, ".survival"), sapply(1:5, function(i)
    summary(survfit(s, newdata = d[i, ]), times = c(5, 12), extend = TRUE)$surv))
  for (transform in c("km", "rank", "log", "identity"))
    add(paste0("strata.", ties, ".zph.", transform), cox.zph(s, transform, terms = FALSE)$table[, "chisq"])
}
add("zph.terms", t(cox.zph(coxph(y ~ age + site, d, control = exact))$table))
f <- coxph(y ~ age + marker + sex, d, control = exact)
add("score_test", c(f$score, f$wald.test))
for (ci in c("log", "log-log", "plain")) {
  k <- summary(survfit(y ~ 1, conf.type = ci, conf.int = 0.9), times = c(2, 5, 9, 14), extend = TRUE)
  add(paste0("km.", ci), c(k$surv, k$std.err, k$lower, k$upper))
}
q <- summary(survfit(y ~ site, d))$table
add("median", q[, c("median", "0.95LCL", "0.95UCL")])
add("survdiff.strata", survdiff(y ~ site + strata(sex), d)$chisq)
risk <- d$marker
for (timewt in c("n", "n/G2")) for (ymax in c(8, 100)) {
  k <- concordance(y ~ risk, reverse = TRUE, timewt = timewt, ymax = ymax)
  add(paste("concordance", timewt, ymax), c(k$concordance, sqrt(k$var)))
}
write.csv(do.call(rbind, rows), "survival_values.csv", row.names = FALSE, quote = FALSE)

# Case weights: Rscript weights.R, in this folder. R 4.2.2, survival 3.5-3, brglm2 0.9. The cases are those of survival.R.
suppressMessages({library(survival); library(brglm2)})
d <- read.csv("survival_cases.csv")
d$count <- rep(c(1, 2, 3), length.out = nrow(d))
rows <- list()
add <- function(name, value) {
  value <- as.numeric(unlist(value))
  rows[[length(rows) + 1]] <<- data.frame(name = name, index = seq_along(value) - 1, value = sprintf("%.17g", value))
}
y <- Surv(d$time, d$event)
for (w in c("weight", "count")) {
  d$w <- d[[w]]
  for (ci in c("log", "log-log", "plain")) {
    k <- summary(survfit(y ~ 1, d, weights = w, conf.type = ci), times = c(2, 5, 9, 14), extend = TRUE)
    add(paste("km", w, ci), c(k$n.risk, k$surv, k$std.err, k$lower, k$upper))
  }
  q <- summary(survfit(y ~ site, d, weights = w))$table
  add(paste("median", w), t(q[, c("median", "0.95LCL", "0.95UCL")]))
  for (timewt in c("n", "n/G2")) {
    k <- concordance(y ~ marker, d, reverse = TRUE, timewt = timewt, weights = w)
    add(paste("concordance", w, timewt), c(k$concordance, sqrt(k$var)))
  }
  # glm, like Newton's method here, is run until nothing changes; quasibinomial would only silence the fractions.
  f <- suppressWarnings(glm(event ~ age + marker + site, binomial, d, weights = w, control = glm.control(1e-14, 100)))
  add(paste("glm", w), c(coef(f), sqrt(diag(vcov(f))), f$deviance, f$null.deviance))
  f <- suppressWarnings(glm(event ~ age + marker, binomial, d, weights = w, method = "brglmFit", type = "AS_mean",
                            epsilon = 1e-12, maxit = 500))
  add(paste("firth", w), c(coef(f), sqrt(diag(vcov(f)))))
}
write.csv(do.call(rbind, rows), "weights.csv", row.names = FALSE, quote = FALSE)

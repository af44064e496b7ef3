# R 4.2.2: Rscript padjust.R > padjust.csv
p <- c(0.0001, 0.004, 0.019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.324, 0.4262, 0.5719, NA, 0.6528, 0.759, 1, 0.019)
m <- c("holm", "hochberg", "hommel", "bonferroni", "BH", "BY", "none")
z <- data.frame(p = p, sapply(m, function(k) p.adjust(p, k)))
options(digits = 17)
write.csv(format(z, digits = 17, trim = TRUE), row.names = FALSE, quote = FALSE)

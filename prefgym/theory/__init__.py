"""Problems whose truth is known: tabular MDPs, preference games, linear rewards."""
